import type { Admission, Guard } from 'creditgate'
import { CreditsDenied } from './credits-denied.ts'
import type { Hold } from './hold.ts'

/** A guard, as far as a model that reserves by itself needs one. */
export type ReservingGuardLike<CreditType extends string = string> =
  | { reserve(user: string, creditType: CreditType, amount: number): Promise<Admission> }
  // Of a whole guard the credit types can be read off only as it names them.
  | Pick<Guard<CreditType>, 'reserve'>

/**
 * Reserves for one model call, and settles with its end.
 *
 * @throws CreditsDenied when the guard does not admit the call.
 */
export async function reserveForCall<CreditType extends string>(
  guard: ReservingGuardLike<CreditType>,
  { user, creditType, amount }: { readonly user: string; readonly creditType: CreditType; readonly amount: number },
): Promise<Hold> {
  const admission = await guard.reserve(user, creditType, amount)
  if (admission.outcome === 'denied') throw new CreditsDenied(admission.problem)
  if (admission.outcome !== 'admitted') throw new TypeError('creditgate: meterModel: the guard answered a reserve with a stored response')
  const { credits } = admission
  let delivered = false
  return {
    creditType,
    reserved: credits.amount,
    report(worth) {
      delivered = true
      credits.report(worth)
    },
    end(end) {
      if (end.ended === 'finished') {
        if (end.charged === undefined) credits.refund()
        else credits.commit(end.charged)
        return admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
      }
      // A model that failed before it delivered anything is a handler that threw; after that, a response that broke.
      const threw = end.ended === 'failed' && !delivered
      return admission.settle({ status: threw ? 500 : 200, threw, ended: end.ended, started: delivered })
    },
  }
}
