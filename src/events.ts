import type { Amounts } from './ledger/ledger.ts'
import type { ProblemName } from './problem.ts'

/** What a guard tells about its work. `reservation` is the reservation's id; `amounts` are credits by type. */
export type GuardEvent =
  | { readonly type: 'reserved'; readonly reservation: string; readonly user: string; readonly amounts: Amounts }
  | { readonly type: 'denied'; readonly problem: ProblemName; readonly user: string | undefined; readonly creditTypes: readonly string[] }
  /** A stored response was sent again, for the same Idempotency-Key. */
  | { readonly type: 'replayed'; readonly reservation: string; readonly user: string; readonly creditTypes: readonly string[] }
  /** `amounts`: what was charged, 0 of each type when it was refunded. */
  | { readonly type: 'settled'; readonly reservation: string; readonly outcome: 'committed' | 'refunded'; readonly amounts: Amounts }
  /** The handler handed it to a background job, which has so many seconds to settle it or to renew its lease. */
  | { readonly type: 'detached'; readonly reservation: string; readonly creditTypes: readonly string[]; readonly leaseSeconds: number }
  /** The handler's actual amount passed what was reserved, and `charged` is what could be had. */
  | { readonly type: 'overage'; readonly reservation: string; readonly actual: Amounts; readonly charged: Amounts }
  /** A settlement did not come about: the reservation had already ended otherwise, or its lease ran out while the database could not be reached. */
  | { readonly type: 'unsettled'; readonly reservation: string; readonly creditTypes: readonly string[]; readonly wanted: 'commit' | 'refund'; readonly state: string }
  /** A route in shadow mode would have been admitted, or denied with that problem. Nothing is charged. */
  | { readonly type: 'shadowed'; readonly user: string | undefined; readonly creditTypes: readonly string[]; readonly amounts: Amounts | undefined; readonly problem: ProblemName | undefined }
  /** What a call in shadow mode would have been charged. */
  | { readonly type: 'shadow-settled'; readonly user: string | undefined; readonly outcome: 'committed' | 'refunded'; readonly amounts: Amounts }
  /** The database could not be reached, and the route admits such calls up to a bound. `outstanding`: credits admitted and not yet collected, this call's included. */
  | { readonly type: 'opened'; readonly reservation: string; readonly user: string; readonly amounts: Amounts; readonly outstanding: number }
  /** A call that was admitted in an outage is charged, or owes nothing. */
  | { readonly type: 'collected'; readonly reservation: string; readonly user: string; readonly amounts: Amounts }
  /** A call that was admitted in an outage could not be charged. This is the last that is heard of it. */
  | { readonly type: 'uncollected'; readonly reservation: string; readonly user: string; readonly amounts: Amounts; readonly state: string }
  /** Something for the developer to mend, or an outage. */
  | { readonly type: 'fault'; readonly error: Error; readonly creditTypes: readonly string[] }

/** May be async; what it returns is not used. */
export type EventListener = (event: GuardEvent) => unknown

/** The default: what is lost, or may be, goes to the error log, so that a wrong set-up does not stay silent. */
export const logFaults: EventListener = (event) => {
  switch (event.type) {
    case 'fault':
      console.error(event.error)
      break
    case 'unsettled':
      console.error(`creditgate: reservation ${event.reservation} could not be settled by ${event.wanted}: it is ${event.state}`)
      break
    case 'opened':
      console.error(`creditgate: the database cannot be reached; user ${event.user} was admitted without credits held for ${JSON.stringify(event.amounts)} (${event.reservation}); ${event.outstanding} credits are to be collected`)
      break
    case 'uncollected':
      console.error(`creditgate: ${JSON.stringify(event.amounts)} of user ${event.user} (${event.reservation}) could not be collected: ${event.state}`)
      break
  }
}

/** A listener's own failure, thrown or rejected, must not reach a request. */
export function createEmitter(listener: EventListener): EventListener {
  return (event) => {
    try {
      const returned = listener(event)
      if (returned instanceof Promise) returned.catch((error: unknown) => console.error(error))
    } catch (error) {
      console.error(error)
    }
  }
}
