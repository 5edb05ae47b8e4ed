import { isAmount } from './amount.ts'
import type { Amounts } from './ledger/ledger.ts'

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

/** What the handler said about the charge while it ran. Amounts name each credit type that is reserved. */
export interface Statement {
  readonly reserved: Amounts
  /** Given to `commit(actual)`. Above `reserved` only where the route's surplus is reserved in addition. */
  readonly actual: Amounts | undefined
  /** `refund()` was called, after any `commit(actual)`. */
  readonly refund: boolean
  /** The highest amounts given to `report(deliveredSoFar)`. */
  readonly reported: Amounts | undefined
  /** The charge follows what is delivered: the route says so, or the handler reported. */
  readonly metered: boolean
}

/** What becomes of a reservation. `amounts` names each reserved type, and may be less than was reserved; the rest is given back. */
export type Settlement = { readonly outcome: 'commit'; readonly amounts: Amounts } | { readonly outcome: 'refund' }

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

/**
 * What a client pays who leaves before the end. `delivered`: by the table. `charge`: the handler's actual amount, else all,
 * since the work is done all the same. `refund`: nothing.
 */
export type AbortPolicy = 'delivered' | 'charge' | 'refund'

/** The table, with another answer to a client that has left. What the handler called `refund()` on, or that failed, stays refunded. */
export function createSettleBy(onAbort: AbortPolicy): (outcome: Outcome, statement: Statement) => Settlement {
  if (onAbort === 'delivered') return decideSettlement
  return (outcome, statement) => {
    const left = outcome.ended === 'aborted' && !outcome.threw && outcome.status < 400 && !statement.refund
    if (!left) return decideSettlement(outcome, statement)
    return onAbort === 'charge' ? commit(statement.actual ?? statement.reserved) : REFUND
  }
}

/** Whether a rule's answer can be carried out on what is reserved. A rule written in JavaScript may answer anything. */
export function isSettlement(answer: unknown, reserved: Amounts, most: Amounts = reserved): answer is Settlement {
  const { outcome, amounts } = Object(answer) as { readonly outcome?: unknown; readonly amounts?: unknown }
  if (outcome !== 'commit') return outcome === 'refund'
  const [types, given] = [Object.keys(reserved), Object(amounts) as Readonly<Record<string, unknown>>]
  return Object.keys(given).length === types.length && types.every((type) => isAmount(given[type], Math.max(reserved[type] ?? 0, most[type] ?? 0)))
}

const REFUND: Settlement = Object.freeze({ outcome: 'refund' })

function commit(amounts: Amounts | undefined): Settlement {
  return amounts === undefined ? REFUND : { outcome: 'commit', amounts }
}
