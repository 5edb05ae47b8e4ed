import type { Context, MiddlewareHandler } from 'hono'
import { awaitClose, observeBody, type Amount, type Credits, type Guard, type NodeResponseLike, type RequestDescription, type RouteOptions } from 'creditgate'

declare module 'hono' {
  interface ContextVariableMap {
    /** The reservation of the innermost guard of this route. */
    credits: Credits
  }
}

/**
 * Guards Hono routes. The handler finds the reservation in `c.var.credits`.
 *
 * On Node a reservation is settled once the response has left; elsewhere before its body closes.
 *
 * @example
 * const requireCredits = honoCredits(guard)
 * app.post('/summary', requireCredits('ai', 2), (c) => c.text('...'))
 */
export function honoCredits<CreditType extends string>(guard: Guard<CreditType>) {
  return function requireCredits(creditType: CreditType, amount: Amount<Context>, options?: RouteOptions): MiddlewareHandler {
    const gate = guard.requireCredits<Context>(creditType, amount, options)

    return async function creditgate(c, next) {
      // Listen before the first await: a client that leaves meanwhile must be seen.
      const outgoing = readNodeResponse(c)
      const closed = outgoing && awaitClose(outgoing)
      const admission = await gate.admit({
        method: c.req.method,
        authorization: c.req.header('Authorization'),
        idempotencyKey: c.req.header('Idempotency-Key'),
        describe: () => describeRequest(c),
        context: c,
      })
      if (admission.outcome === 'denied') {
        const { body, status, headers } = admission.problem
        return new Response(JSON.stringify(body), { status, headers })
      }
      // A thrown Error does not come out of next(): Hono leaves it in c.error and answers with whatever onError made of it.
      const readFacts = () => ({ status: c.finalized ? c.res.status : 200, threw: c.error !== undefined })
      void closed?.then((end) => admission.settle({ ...readFacts(), ...end }))
      c.set('credits', admission.credits)
      appendHeaders(c, admission.headers)

      try {
        if (outgoing?.closed !== true) await next()
      } catch (error) {
        // Anything thrown that is no Error does.
        await admission.settle({ status: 500, threw: true, ended: 'failed', started: false })
        throw error
      }
      // A Response that the handler made by itself has not taken over what was set on the context.
      if (c.res.headers.get('Credits-Reservation')?.includes(admission.credits.id) !== true) appendHeaders(c, admission.headers)

      if (closed === undefined) {
        if (c.res.body === null) await admission.settle({ ...readFacts(), ended: 'finished', started: true })
        else c.res = new Response(observeBody(c.res.body, (end) => admission.settle({ ...readFacts(), ...end })), c.res)
      }
      return undefined
    }
  }
}

/** The response that `@hono/node-server` is about to write to: it tells the end without a hand on the body. */
function readNodeResponse(c: Context): NodeResponseLike | undefined {
  const outgoing = (c.env as { outgoing?: NodeResponseLike } | undefined)?.outgoing
  return typeof outgoing?.once === 'function' ? outgoing : undefined
}

/** Of a copy of the body: the handler may read the request itself, past Hono. */
async function describeRequest(c: Context): Promise<RequestDescription> {
  const { pathname, search } = new URL(c.req.url)
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- its successor came with Hono 4.8, and 4.6 will do here
  return { route: c.req.routePath, url: pathname + search, body: new Uint8Array(await c.req.raw.clone().arrayBuffer()) }
}

function appendHeaders(c: Context, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) c.header(name, value, { append: true })
}
