import type { NextFunction, Request, RequestHandler, Response } from 'express'
import { awaitClose, describeBody, readAuthorization, recordResponse, type AdapterOptions, type Credits, type Guard, type Price } from 'creditgate'

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- how Express's own types are extended
  namespace Express {
    interface Request {
      /** The reservation of the innermost guard of this route. */
      credits?: Credits
    }
  }
}

/** The part of an Express route that is used, the same in Express 4 and 5. */
interface RouteLike {
  readonly stack: readonly { readonly handle: unknown }[]
}

/**
 * Guards Express routes, in Express 4 and 5: `app.post('/export', requireCredits('lead', 10), handler)`. The handler
 * finds the reservation in `req.credits`.
 *
 * @example
 * const requireCredits = expressCredits(guard)
 * app.get('/leads.csv', requireCredits('lead', (req) => Number(req.query.rows)), handler)
 */
export function expressCredits<CreditType extends string>(guard: Guard<CreditType>, { claims }: AdapterOptions<Request> = {}) {
  return function requireCredits(...price: Price<CreditType, Request>): RequestHandler {
    const gate = guard.requireCredits<Request>(...price)

    async function admit(req: Request, res: Response): Promise<boolean> {
      // Listen before the first await: a client that leaves meanwhile must be seen.
      const closed = awaitClose(res)
      const admission = await gate.admit({
        method: req.method,
        authorization: readAuthorization(req),
        idempotencyKey: req.get('Idempotency-Key'),
        describe: () => ({ route: `${req.baseUrl}${String((req.route as { readonly path?: string | RegExp } | undefined)?.path ?? '')}`, url: req.originalUrl, body: describeBody(req.body) }),
        claims: claims?.(req),
        context: req,
      })
      if (admission.outcome !== 'admitted') {
        const { status, headers, body } = admission.response
        res.writeHead(status, headers).end(body)
        return false
      }
      // First of all: what is reserved must be settled, also if something here throws.
      void closed.then((end) => admission.settle({ status: res.statusCode, threw: THREW in req, ...end }))
      req.credits = admission.credits
      for (const [name, value] of Object.entries(admission.headers)) res.append(name, value)
      if (admission.recorder) recordResponse(res, admission.recorder)
      watchErrors(req)

      return !res.closed
    }

    return function creditgate(req, res, next) {
      admit(req, res).then((admitted) => {
        if (admitted) next()
        // To Express nothing thrown is no error, and "route" is a way around the handlers.
      }, (error: unknown) => next(error instanceof Error ? error : new Error('creditgate: the amount of credits could not be computed', { cause: error })))
    }
  }
}

const THREW = Symbol('creditgate.threw')

/**
 * Notices an error on its way from a handler to an error handler, which may answer 200. Express tells nobody, so the
 * route gets an error handler of ours behind its own handlers, once for each method it serves, that passes the error on.
 * A guard on a router runs before there is a route: it is met when Express sets it on the request.
 */
function watchErrors(req: Request): void {
  const present = req.route as RouteLike | undefined
  if (present !== undefined) {
    watchRoute(present, req.method.toLowerCase())
    return
  }
  let route: RouteLike | undefined
  Object.defineProperty(req, 'route', {
    configurable: true,
    enumerable: true,
    get: () => route,
    set(value: RouteLike) {
      route = value
      watchRoute(value, req.method.toLowerCase())
    },
  })
}

function watchRoute(route: RouteLike, method: string): void {
  if (route.stack.some(({ handle }) => (handle as { watches?: string }).watches === method)) return
  const passOn = (error: unknown, req: Request, _res: Response, next: NextFunction) => {
    Object.assign(req, { [THREW]: true })
    next(error)
  }
  ;(route as unknown as Record<string, (handler: unknown) => unknown>)[method]?.(Object.assign(passOn, { watches: method }))
}
