import type { EventListener } from './events.ts'
import type { User } from './identity/identity.ts'
import type { Statement } from './outcome.ts'

/**
 * The reservation as the handler sees it. Nothing here is sent at once: it says what is to be charged when the response
 * has ended. Calls after that change nothing.
 */
export interface Credits {
  /** The reservation's id, a UUID. */
  readonly id: string
  readonly creditType: string
  /** How many credits are reserved. */
  readonly amount: number
  /** What the user had left once they were reserved; null: unlimited. */
  readonly remaining: number | null
  readonly user: User | undefined
  /**
   * Charges this many credits instead of all that are reserved. More than reserved is clamped, with an `overage` event.
   * @throws TypeError when it is not a whole number of 0 or more.
   */
  commit(actual: number): void
  /** Charges nothing, whatever the response will be. */
  refund(): void
  /**
   * Says how much has been delivered so far. It makes the route metered: a client that leaves in mid-stream pays for
   * this and no more, and so does a process that is killed, up to the last report that reached the database.
   * @throws TypeError when it is not a whole number of 0 or more.
   */
  report(deliveredSoFar: number): void
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

export function createCredits(
  facts: Pick<Credits, 'id' | 'creditType' | 'amount' | 'remaining' | 'user'>,
  { metered, emit, onReport, detach }: { readonly metered: boolean; readonly emit: EventListener; readonly onReport: () => void; readonly detach: Credits['detach'] },
): CreditsRecord {
  const { id, creditType, amount, remaining, user } = facts
  let actual: number | undefined
  let reported: number | undefined
  let refund = false

  const clamp = (method: string, value: number): number => {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new TypeError(`creditgate: credits.${method}() takes a whole number of credits, 0 or more; it was given ${String(value)}`)
    }
    return Math.min(value, amount)
  }
  const credits: Credits = Object.freeze({
    id,
    creditType,
    amount,
    remaining,
    user,
    commit(value: number) {
      actual = clamp('commit', value)
      refund = false
      if (value > amount) emit({ type: 'overage', reservation: id, creditType, actual: value, charged: actual })
    },
    refund() {
      refund = true
    },
    report(value: number) {
      const before = reported
      reported = Math.max(reported ?? 0, clamp('report', value))
      if (reported !== before) onReport()
    },
    detach,
  })
  return {
    credits,
    get statement(): Statement {
      return { reserved: amount, actual, refund, reported, metered: metered || reported !== undefined }
    },
  }
}

/** What the handler of a request that passes free sees: nothing reserved, nothing to say. */
export function createFreeCredits(creditType: string): Credits {
  return createCredits(
    { id: '', creditType, amount: 0, remaining: null, user: undefined },
    { metered: false, emit: () => undefined, onReport: () => undefined, detach: () => Promise.resolve('') },
  ).credits
}
