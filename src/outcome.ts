import { isAmount } from './amount.ts'

/** The facts of a response that has ended, as a host's adapter reports them. */
export interface Outcome {
  /** The status that was sent, or would have been. */
  readonly status: number
  /** The handler threw or rejected, whatever an error handler then made of it. */
  readonly threw: boolean
  /** `finished`: all of it was handed over; `aborted`: the client left; `failed`: the response broke on the server's side. */
  readonly ended: 'finished' | 'aborted' | 'failed'
  /** The first byte had left. */
  readonly started: boolean
}

/** What the handler said about the charge while it ran. */
export interface Statement {
  readonly reserved: number
  /** Given to `commit(actual)`. */
  readonly actual: number | undefined
  /** `refund()` was called, after any `commit(actual)`. */
  readonly refund: boolean
  /** The highest amount given to `report(deliveredSoFar)`. */
  readonly reported: number | undefined
  /** The charge follows what is delivered: the route says so, or the handler reported. */
  readonly metered: boolean
}

/** What becomes of a reservation. `amount` may be less than was reserved; the rest is given back. */
export type Settlement = { readonly outcome: 'commit'; readonly amount: number } | { readonly outcome: 'refund' }

/**
 * The table that decides every charge. `settleBy` replaces it for a guard or a route.
 *
 * | what happened                        | settlement |
 * |--------------------------------------|---|
 * | the handler called `refund()`        | refund |
 * | 400 or above, or the handler threw and something else answered | refund |
 * | below 400, finished                  | commit the handler's actual amount, else what a metered one reported, else all |
 * | broken off before the first byte     | refund, or commit what was reported |
 * | client gone after the first byte     | commit: all for a fixed amount, what was reported for a metered one |
 * | failed after the first byte          | refund for a fixed amount, commit what was reported for a metered one |
 *
 * For a metered amount the handler's actual amount stands in for a report when the client left.
 */
export function decideSettlement(outcome: Outcome, statement: Statement): Settlement {
  const { reserved, actual, reported, metered } = statement
  if (statement.refund || outcome.status >= 400) return REFUND
  // An error handler's response, whatever its status: the handler's own was never sent.
  if (outcome.threw && outcome.ended === 'finished') return REFUND

  const failed = outcome.threw || outcome.ended === 'failed'
  // A host can hide that a stream broke (Hono's stream helpers do): what was reported is then all there is to go by.
  if (!failed && outcome.ended === 'finished') return commit(actual ?? (metered ? reported : undefined) ?? reserved)
  if (!outcome.started) return outcome.threw ? REFUND : commit(reported)
  if (failed) return commit(metered ? reported : undefined)
  return commit(metered ? (actual ?? reported) : (actual ?? reserved))
}

/** Whether a rule's answer can be carried out on so many reserved credits. A rule written in JavaScript may answer anything. */
export function isSettlement(answer: unknown, reserved: number): answer is Settlement {
  if (typeof answer !== 'object' || answer === null || !('outcome' in answer)) return false
  return answer.outcome === 'refund' || (answer.outcome === 'commit' && 'amount' in answer && isAmount(answer.amount, reserved))
}

const REFUND: Settlement = Object.freeze({ outcome: 'refund' })

function commit(amount: number | undefined): Settlement {
  return amount === undefined ? REFUND : { outcome: 'commit', amount }
}
