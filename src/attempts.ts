import { sleep } from './sleep.ts'
import { createFault, LedgerFault } from './ledger/fault.ts'
import type { Ledger, ReserveAnswer, ReserveRequest } from './ledger/ledger.ts'

/**
 * - `answered`: the database said what it decided.
 * - `unanswered`: it did not.
 *
 * `unknown`: an attempt was lost and may still be carried out, so that the id must be refunded unless it is used.
 */
export type Reserving =
  | { readonly outcome: 'answered'; readonly answer: ReserveAnswer; readonly unknown: boolean }
  | { readonly outcome: 'unanswered'; readonly fault: LedgerFault; readonly unknown: boolean }

const ATTEMPTS = 3
const PAUSE_MILLISECONDS = 50

/**
 * Reserves with at most two retries under the same id, all within the given time.
 *
 * An attempt is never given up early to start another: while the database is slow, that would only give it more to do.
 */
export async function reserveWithin(ledger: Ledger, request: ReserveRequest, milliseconds: number): Promise<Reserving> {
  const deadline = Date.now() + milliseconds
  const signal = AbortSignal.timeout(milliseconds)
  let unknown = false
  for (let attempt = 1; ; attempt += 1) {
    let fault: LedgerFault
    try {
      const [answer] = await ledger.reserve([request], signal)
      if (answer !== undefined && answer.outcome !== 'failed') return { outcome: 'answered', answer, unknown }
      fault = answer === undefined ? new LedgerFault('unknown', 'bad-answer', 'creditgate: the ledger gave no answer') : createFault(answer.code, 'failed in its batch')
    } catch (error) {
      fault = asFault(error)
    }
    unknown ||= fault.kind === 'unknown'
    const pause = PAUSE_MILLISECONDS * 2 ** attempt * (0.5 + Math.random())
    if (fault.kind === 'set-up' || attempt === ATTEMPTS || Date.now() + pause >= deadline) {
      return { outcome: 'unanswered', fault, unknown }
    }
    await sleep(pause)
  }
}

/** A ledger that rejects with anything else has not said what happened: that is `unknown`. */
export function asFault(error: unknown): LedgerFault {
  return error instanceof LedgerFault ? error : new LedgerFault('unknown', 'ledger-threw', error instanceof Error ? error.message : String(error), { cause: error })
}
