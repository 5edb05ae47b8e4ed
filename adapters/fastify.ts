import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler, RouteHandlerMethod } from 'fastify'
import { awaitClose, type Amount, type Credits, type Guard, type RequestDescription, type RouteOptions } from 'creditgate'

declare module 'fastify' {
  interface FastifyRequest {
    /** The reservation of the innermost guard of this route. */
    credits?: Credits
  }
}

/**
 * Guards routes of Fastify 5, of this app and of plugins within it. To be called before they are registered. The handler finds
 * the reservation in `request.credits`.
 *
 * @example
 * const requireCredits = fastifyCredits(app, guard)
 * app.post('/summary', { preHandler: requireCredits('ai', 2) }, async (request) => ...)
 */
export function fastifyCredits<CreditType extends string>(app: FastifyInstance, guard: Guard<CreditType>) {
  const failed = new WeakSet<FastifyRequest>()
  watchFailures(app, (request) => failed.add(request))

  return function requireCredits(creditType: CreditType, amount: Amount<FastifyRequest>, options?: RouteOptions): preHandlerAsyncHookHandler {
    const gate = guard.requireCredits<FastifyRequest>(creditType, amount, options)

    return async function creditgate(request, reply) {
      // Listen before the first await: a client that leaves meanwhile must be seen.
      const closed = awaitClose(reply.raw)
      const admission = await gate.admit({
        method: request.method,
        authorization: request.headers.authorization,
        idempotencyKey: request.headers['idempotency-key']?.toString(),
        describe: () => describeRequest(request),
        context: request,
      })
      if (admission.outcome === 'denied') {
        const { status, headers, body } = admission.problem
        // As bytes: to text Fastify adds a charset, which JSON has none of.
        return reply.code(status).headers(headers).send(Buffer.from(JSON.stringify(body)))
      }
      void closed.then((end) => admission.settle({ status: reply.raw.statusCode, threw: failed.has(request), ...end }))
      request.credits = admission.credits
      for (const [name, value] of Object.entries(admission.headers)) appendHeader(reply, name, value)
      // Nobody is there any more: the handler is not run.
      if (reply.raw.closed) reply.hijack()
      return undefined
    }
  }
}

/** Notices an error that an error handler may turn into a 200: Fastify's `onError` is not told of it then. */
function watchFailures(app: FastifyInstance, onFailure: (request: FastifyRequest) => void): void {
  app.addHook('onRoute', (route) => {
    const { handler } = route
    const watched: RouteHandlerMethod = function (request, reply) {
      try {
        const returned: unknown = handler.call(this, request, reply)
        if (returned instanceof Promise) returned.catch(() => onFailure(request))
        return returned
      } catch (error) {
        onFailure(request)
        throw error
      }
    }
    route.handler = watched
  })
}

function describeRequest({ body, routeOptions, url }: FastifyRequest): RequestDescription {
  return { route: routeOptions.url ?? '', url, body: body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body) }
}

/** Several guards on one route each add to it. */
function appendHeader(reply: FastifyReply, name: string, value: string): void {
  const present = reply.getHeader(name)
  reply.header(name, present === undefined ? value : `${String(present)}, ${value}`)
}
