import type { FastifyInstance, FastifyReply, FastifyRequest, preHandlerAsyncHookHandler, RouteHandlerMethod } from 'fastify'
import { awaitClose, createResponse, describeBody, readAuthorization, recordResponse, type AdapterOptions, type Credits, type Guard, type Price } from 'creditgate'

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
export function fastifyCredits<CreditType extends string>(app: FastifyInstance, guard: Guard<CreditType>, { claims }: AdapterOptions<FastifyRequest> = {}) {
  const failed = new WeakSet<FastifyRequest>()
  watchFailures(app, (request) => failed.add(request))

  return function requireCredits(...price: Price<CreditType, FastifyRequest>): preHandlerAsyncHookHandler {
    const gate = guard.requireCredits<FastifyRequest>(...price)

    return async function creditgate(request, reply) {
      // Listen before the first await: a client that leaves meanwhile must be seen.
      const closed = awaitClose(reply.raw)
      const admission = await gate.admit({
        method: request.method,
        authorization: readAuthorization(request.raw),
        idempotencyKey: request.headers['idempotency-key']?.toString(),
        describe: () => ({ route: request.routeOptions.url ?? '', url: request.url, body: describeBody(request.body) }),
        claims: claims?.(request),
        context: request,
      })
      // A `Response`: to text Fastify would add a charset, to bytes a type.
      if (admission.outcome !== 'admitted') return reply.send(createResponse(admission.response))
      void closed.then((end) => admission.settle({ status: reply.raw.statusCode, threw: failed.has(request), ...end }))
      request.credits = admission.credits
      for (const [name, value] of Object.entries(admission.headers)) appendHeader(reply, name, value)
      if (admission.recorder) recordResponse(reply.raw, admission.recorder)
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

/** Several guards on one route each add to it. */
function appendHeader(reply: FastifyReply, name: string, value: string): void {
  const present = reply.getHeader(name)
  reply.header(name, present === undefined ? value : `${String(present)}, ${value}`)
}
