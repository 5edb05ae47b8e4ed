import type { Context, MiddlewareHandler } from 'hono'
import { observeBody, type Amount, type Credits, type Guard, type Outcome, type RouteOptions } from 'creditgate'

declare module 'hono' {
  interface ContextVariableMap {
    /** The reservation of the innermost guard of this route. */
    credits: Credits
  }
}

/** The part of Node's `ServerResponse` that tells how a response ended; `@hono/node-server` hands it over in `c.env`. */
interface OutgoingLike {
  readonly writableFinished: boolean
  readonly headersSent: boolean
  readonly errored: Error | null
  readonly closed: boolean
  once(event: 'close', listener: () => void): unknown
}

/**
 * Guards Hono routes: `app.post('/ai', requireCredits('ai', 1), handler)`. The handler finds the reservation in
 * `c.var.credits`.
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
      const closed = listenForClose(c)
      const admission = await gate.admit({ method: c.req.method, authorization: c.req.header('Authorization'), context: c })
      if (admission.outcome === 'denied') {
        const { body, status, headers } = admission.problem
        return new Response(JSON.stringify(body), { status, headers })
      }
      c.set('credits', admission.credits)
      appendHeaders(c, admission.headers)

      try {
        if (closed?.isOver() !== true) await next()
      } catch (error) {
        // Hono catches an Error by itself and leaves it in c.error; anything else that is thrown arrives here.
        await admission.settle({ status: 500, threw: true, ended: 'failed', started: false })
        throw error
      }
      const facts = { status: c.res.status, threw: c.error !== undefined }
      // A Response that the handler made by itself has not taken over what was set on the context.
      if (c.res.headers.get('Credits-Reservation')?.includes(admission.credits.id) !== true) appendHeaders(c, admission.headers)

      if (closed !== undefined) {
        void closed.end.then((end) => admission.settle({ ...facts, ...end }))
      } else if (c.res.body === null) {
        await admission.settle({ ...facts, ended: 'finished', started: true })
      } else {
        const observed = observeBody(c.res.body, (end) => admission.settle({ ...facts, ...end }))
        c.res = new Response(observed, c.res)
      }
      return undefined
    }
  }
}

function appendHeaders(c: Context, headers: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(headers)) c.header(name, value, { append: true })
}

/** On Node the socket tells how a response ended, without a hand on its body. Elsewhere there is none: undefined. */
function listenForClose(c: Context): { isOver(): boolean; readonly end: Promise<Pick<Outcome, 'ended' | 'started'>> } | undefined {
  const outgoing = (c.env as { outgoing?: OutgoingLike } | undefined)?.outgoing
  if (typeof outgoing?.once !== 'function') return undefined
  const end = new Promise<Pick<Outcome, 'ended' | 'started'>>((resolve) => {
    outgoing.once('close', () => {
      const ended = outgoing.writableFinished ? 'finished' : outgoing.errored === null ? 'aborted' : 'failed'
      resolve({ ended, started: outgoing.headersSent })
    })
  })
  return { isOver: () => outgoing.closed, end }
}
