import { createResponse, observeBody, watchDeparture, type AdapterOptions, type BodyEnd, type Credits, type ExecutionContextLike, type Guard, type Price, type RequestDescription } from 'creditgate'

/** A handler of the fetch kind, with the reservation behind the request, and whatever else its host hands over behind that. */
export type FetchHandler<Incoming extends Request, Rest extends readonly unknown[]> = (request: Incoming, credits: Credits, ...rest: Rest) => Response | Promise<Response>

/**
 * Guards handlers that make a `Response` of a `Request`: Next.js route handlers, Supabase Edge Functions, Cloudflare Workers,
 * Deno, Bun, SvelteKit, Remix.
 *
 * A reservation is settled before the response's body closes; a response without a body, before it is returned.
 *
 * @example
 * const requireCredits = fetchCredits(guard)
 * export const POST = requireCredits('ai', 2)(async (request, credits) => Response.json({ left: credits.remaining }))
 */
export function fetchCredits<CreditType extends string>(guard: Guard<CreditType>, { claims }: AdapterOptions<Request> = {}) {
  return function requireCredits(...price: Price<CreditType, Request>) {
    const gate = guard.requireCredits<Request>(...price)

    return function withCredits<Incoming extends Request = Request, Rest extends readonly unknown[] = []>(
      handler: FetchHandler<Incoming, Rest>,
    ): (request: Incoming, ...rest: Rest) => Promise<Response> {
      return async function creditgate(request, ...rest) {
        const admission = await gate.admit({
          method: request.method,
          authorization: request.headers.get('Authorization') ?? undefined,
          idempotencyKey: request.headers.get('Idempotency-Key') ?? undefined,
          describe: () => describeRequest(request),
          claims: claims?.(request),
          context: request,
        })
        if (admission.outcome !== 'admitted') return createResponse(admission.response)

        const { isGone, settle, stop } = watchDeparture(admission, { signal: request.signal, context: findContext(rest) })
        try {
          const response = isGone ? new Response(null, { status: CLIENT_CLOSED_REQUEST }) : await handler(request, admission.credits, ...rest)
          const { status, body } = response
          const settleBody = (end: BodyEnd) => settle({ status, threw: false, ...end })
          // A new one: the headers of a redirect, or of a response that was fetched, cannot be changed. Throws for a status or a body that is of no use.
          const observed = new Response(body && observeBody(body, settleBody, admission.recorder), response)
          admission.recorder?.begin(status, response.headers)
          if (body === null) await settleBody({ ended: 'finished', started: true })
          // In front of what guards within have set: in the order in which guards stand.
          for (const [name, value] of Object.entries(admission.headers)) {
            const present = observed.headers.get(name)
            observed.headers.set(name, present === null ? value : `${value}, ${present}`)
          }
          return observed
        } catch (error) {
          await settle({ status: 500, threw: true, ended: 'failed', started: false })
          throw error
        } finally {
          stop()
        }
      }
    }
  }
}

/** Cloudflare Workers hand it over behind the request, after the environment. */
function findContext(rest: readonly unknown[]): ExecutionContextLike | undefined {
  return rest.find((each): each is ExecutionContextLike => typeof (each as ExecutionContextLike | null)?.waitUntil === 'function')
}

/** Nobody reads it; logs know the number. */
const CLIENT_CLOSED_REQUEST = 499

/** Of a copy of the body: the handler reads the request itself. A host of this kind does not name its routes: the path stands for one. */
async function describeRequest(request: Request): Promise<RequestDescription> {
  const { pathname, search } = new URL(request.url)
  return { route: pathname, url: pathname + search, body: request.bodyUsed ? undefined : new Uint8Array(await request.clone().arrayBuffer()) }
}
