import { defineMiddleware, type Middleware } from '@supabase/middleware'
import type { Credits, Guard, Price } from 'creditgate'
import { fetchCredits } from 'creditgate/fetch'

/**
 * An entry for pipelines of `@supabase/middleware`, which is in alpha: this one may change with it. The handler finds the
 * reservation in `ctx.credits`. Behind `withSupabase()` of @supabase/server the claims that it has verified are taken, and held to our
 * own rules; without it the token is verified here.
 *
 * @example
 * const withCredits = supabaseCredits(guard)
 * export default { fetch: pipeline([withSupabase({ auth: 'user' }), withCredits(['ai', 2])], async (request, ctx) => Response.json({ left: ctx.credits.remaining })) }
 */
export function supabaseCredits<CreditType extends string>(guard: Guard<CreditType>): Middleware<'credits', Price<CreditType, Request>, object, Credits> {
  return defineMiddleware<'credits', Price<CreditType, Request>, object, Credits>({
    key: 'credits',
    run(price) {
      const verified = new WeakMap<Request, unknown>()
      const requireCredits = fetchCredits(guard, { claims: (request) => verified.get(request) })(...price)

      return async function* creditgate(request, ctx) {
        verified.set(request, (ctx as { readonly jwtClaims?: unknown }).jwtClaims ?? undefined)
        // The pipeline asks for what stands behind; the adapter of the fetch kind is given it as if a handler had answered.
        let answer: (response: Response) => void = () => undefined
        let fail: (error: unknown) => void = () => undefined
        let admit: (credits: Credits) => void = () => undefined
        const downstream = new Promise<Response>((resolve, reject) => {
          answer = resolve
          fail = reject
        })
        const admitted = new Promise<Credits>((resolve) => (admit = resolve))
        const answered = requireCredits((_request, credits) => (admit(credits), downstream))(request)

        const first = await Promise.race([admitted, answered])
        if (first instanceof Response) return first
        try {
          answer(yield { credits: first })
        } catch (error) {
          fail(error)
        }
        return answered
      }
    },
  })
}
