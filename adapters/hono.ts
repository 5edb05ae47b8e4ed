import type { Context, MiddlewareHandler } from 'hono'
import { awaitClose, createResponse, observeBody, watchDeparture, type AdapterOptions, type BodyEnd, type Credits, type ExecutionContextLike, type Guard, type NodeResponseLike, type Price, type RequestDescription } from 'creditgate'

declare module 'hono' {
  interface ContextVariableMap {
    /** The reservation of the innermost guard of this route. */
    credits: Credits
  }
}

/**
 * Guards Hono routes. The handler finds the reservation in `c.var.credits`.
 *
 * The claims of `withSupabase()` (@supabase/server), where it stands in front, are taken instead of verifying the token again.
 *
 * On Node a reservation is settled once the response has left; elsewhere before its body closes.
 *
 * @example
 * const requireCredits = honoCredits(guard)
 * app.post('/summary', requireCredits('ai', 2), (c) => c.text('...'))
 */
export function honoCredits<CreditType extends string>(guard: Guard<CreditType>, { claims = readSupabaseClaims }: AdapterOptions<Context> = {}) {
  return function requireCredits(...price: Price<CreditType, Context>): MiddlewareHandler {
    const gate = guard.requireCredits<Context>(...price)

    return async function creditgate(c, next) {
      // Listen before the first await: a client that leaves meanwhile must be seen.
      const outgoing = readNodeResponse(c)
      const closed = outgoing && awaitClose(outgoing)
      const admission = await gate.admit({
        method: c.req.method,
        authorization: c.req.header('Authorization'),
        idempotencyKey: c.req.header('Idempotency-Key'),
        describe: () => describeRequest(c),
        claims: claims(c),
        context: c,
      })
      if (admission.outcome !== 'admitted') return createResponse(admission.response)
      // A thrown Error does not come out of next(): Hono leaves it in c.error and answers with whatever onError made of it.
      const departure = closed === undefined ? watchDeparture(admission, { signal: c.req.raw.signal, context: readContext(c) }) : undefined
      const readFacts = () => ({ status: c.finalized ? c.res.status : 200, threw: c.error !== undefined })
      void closed?.then((end) => admission.settle({ ...readFacts(), ...end }))
      c.set('credits', admission.credits)
      appendHeaders(c, admission.headers)

      try {
        if (outgoing?.closed !== true && departure?.isGone !== true) await next()
      } catch (error) {
        // Anything thrown that is no Error does.
        await (departure ?? admission).settle({ status: 500, threw: true, ended: 'failed', started: false })
        throw error
      } finally {
        departure?.stop()
      }
      // A Response that the handler made by itself has not taken over what was set on the context.
      const [[name, value] = ['', '']] = Object.entries(admission.headers)
      if (name !== '' && c.res.headers.get(name)?.includes(value) !== true) appendHeaders(c, admission.headers)

      const { recorder } = admission
      // Who looks at its body makes a stream of what `@hono/node-server` else writes as it is.
      if (closed !== undefined && recorder === undefined) return
      recorder?.begin(c.res.status, c.res.headers)
      const settle = (end: BodyEnd) => departure?.settle({ ...readFacts(), ...end }) ?? Promise.resolve()
      if (c.res.body === null) await settle({ ended: 'finished', started: true })
      else c.res = new Response(observeBody(c.res.body, settle, recorder), c.res)
    }
  }
}

/** The response that `@hono/node-server` is about to write to: it tells the end without a hand on the body. */
function readNodeResponse(c: Context): NodeResponseLike | undefined {
  const outgoing = (c.env as { outgoing?: NodeResponseLike } | undefined)?.outgoing
  return typeof outgoing?.once === 'function' ? outgoing : undefined
}

/** Cloudflare Workers have one; elsewhere Hono throws. */
function readContext(c: Context): ExecutionContextLike | undefined {
  try {
    return c.executionCtx
  } catch {
    return undefined
  }
}

/** What `withSupabase()` of @supabase/server has verified, where it stands in front. */
function readSupabaseClaims(c: Context): unknown {
  return (c.get('supabaseContext') as { readonly jwtClaims?: unknown } | undefined)?.jwtClaims
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
