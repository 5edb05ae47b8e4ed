import { describeValue, isAmount } from './amount.ts'
import { createAmounts, exceeds } from './amounts.ts'
import type { EventListener } from './events.ts'
import type { User } from './identity/identity.ts'
import type { Amounts, Balance } from './ledger/ledger.ts'
import type { Statement } from './outcome.ts'

/**
 * The reservation as the handler sees it. Nothing here is sent at once: it says what is to be charged when the response
 * has ended. Calls after that change nothing.
 */
export interface Credits {
  /** The reservation's id, a UUID. */
  readonly id: string
  /** The credit type that is reserved; of several, the first that the route names. */
  readonly creditType: string
  /** How many credits of `creditType` are reserved. */
  readonly amount: number
  /** What the user had left of `creditType` once they were reserved; null: unlimited. */
  readonly remaining: number | null
  /** How many credits are reserved, by credit type. */
  readonly amounts: Amounts
  /** What the user had left once they were reserved, by credit type. */
  readonly balances: Readonly<Record<string, Balance>>
  readonly user: User | undefined
  /**
   * Charges this many credits instead of all that are reserved. More than reserved is clamped, with an `overage` event,
   * unless the route has `surplus: 'reserve-more'`. Where several types are reserved, an amount for each that differs; types
   * that are left out are charged in full.
   * @throws TypeError when it is not a whole number of 0 or more, or names a type that is not reserved.
   */
  commit(actual: number | Amounts): void
  /** Charges nothing, whatever the response will be. */
  refund(): void
  /**
   * Says how much has been delivered so far. It makes the route metered: a client that leaves in mid-stream pays for
   * this and no more, and so does a process that is killed, up to the last report that reached the database.
   * @throws TypeError as `commit` does.
   */
  report(deliveredSoFar: number | Amounts): void
  /**
   * Hands the reservation to a background job, which settles it by its id: `guard.commit(id, n)` or `guard.refund(id)`, from
   * any process. Resolves with the id once the database has the new lease; from then on the response decides nothing, and
   * nobody but the job renews the lease (`guard.extend`). Await it before the job is queued.
   *
   * @param options.leaseSeconds how long the job has for a first sign of life, in whole seconds, 1 to 900. Default 900.
   * @throws TypeError for another lease; a `LedgerFault` when the database gave no answer, an Error when the reservation has
   * ended: it then stays with the response.
   */
  detach(options?: { readonly leaseSeconds?: number }): Promise<string>
}

/** The handle and, for the guard alone, what the handler said through it. */
export interface CreditsRecord {
  readonly credits: Credits
  readonly statement: Statement
}

export interface CreditsOptions {
  readonly metered: boolean
  /** More than is reserved is left for the settlement to reserve in addition. */
  readonly reservesMore: boolean
  /** Told of an overage. Default: nobody is. */
  readonly emit?: EventListener
  readonly onReport?: (() => void) | undefined
  /** Default: there is nothing to hand over. */
  readonly detach?: Credits['detach']
}

export function createCredits(facts: Pick<Credits, 'id' | 'creditType' | 'amounts' | 'balances' | 'user'>, options: CreditsOptions): CreditsRecord {
  const { id, creditType, amounts, balances, user } = facts
  const { metered, reservesMore, emit, onReport, detach = () => Promise.resolve(id) } = options
  let actual: Amounts | undefined
  let reported: Amounts | undefined
  let refund = false

  const credits: Credits = Object.freeze({
    id,
    creditType,
    amount: amounts[creditType] ?? 0,
    remaining: balances[creditType]?.remaining ?? null,
    amounts,
    balances,
    user,
    commit(value: number | Amounts) {
      const given = { ...amounts, ...readAmounts('commit', value, amounts) }
      actual = reservesMore ? given : clamp(given, amounts)
      refund = false
      if (actual !== given) emit?.({ type: 'overage', reservation: id, actual: given, charged: actual })
    },
    refund() {
      refund = true
    },
    report(value: number | Amounts) {
      const grown = grow(reported, clamp(readAmounts('report', value, amounts), amounts), amounts)
      if (grown === reported) return
      reported = grown
      onReport?.()
    },
    detach,
  })
  return {
    credits,
    get statement(): Statement {
      return { reserved: amounts, actual, refund, reported, metered: metered || reported !== undefined }
    },
  }
}

/** What the handler of a request that passes free sees: nothing is held, and nothing it says counts. Amounts are 0, unless they are given. */
export function createFreeCredits(creditTypes: readonly [string, ...string[]], amounts: Amounts = Object.freeze(createAmounts(creditTypes, () => 0))): Credits {
  return createCredits({ id: '', creditType: creditTypes[0], amounts, balances: {}, user: undefined }, { metered: false, reservesMore: false }).credits
}

function readAmounts(method: string, value: unknown, reserved: Amounts): Amounts {
  const types = Object.keys(reserved)
  const given: unknown = types.length === 1 && typeof value !== 'object' ? { [types[0] as string]: value } : value
  const refuse = (what: string) => new TypeError(`creditgate: credits.${method}() takes a whole number of credits, 0 or more${types.length === 1 ? '' : `, for each of ${types.join(', ')}`}; it was given ${what}`)
  if (typeof given !== 'object' || given === null) throw refuse(describeValue(given))
  for (const [type, amount] of Object.entries(given)) {
    if (!types.includes(type)) throw refuse(`an amount for "${type}", which is not reserved`)
    if (!isAmount(amount)) throw refuse(describeValue(amount))
  }
  return given as Amounts
}

/** Gives back the very object where nothing exceeds. */
function clamp(given: Amounts, most: Amounts): Amounts {
  return exceeds(given, most) ? createAmounts(Object.keys(given), (type) => Math.min(given[type] ?? 0, most[type] ?? 0)) : given
}

/** The higher of each, for every type that is reserved; the very object before where nothing grew. */
function grow(before: Amounts | undefined, given: Amounts, reserved: Amounts): Amounts {
  return before === undefined || exceeds(given, before) ? createAmounts(Object.keys(reserved), (type) => Math.max(before?.[type] ?? 0, given[type] ?? 0)) : before
}
