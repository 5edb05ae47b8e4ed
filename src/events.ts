import type { ProblemName } from './problem.ts'

/** What a guard tells about its work. `reservation` is the reservation's id. */
export type GuardEvent =
  | { readonly type: 'reserved'; readonly reservation: string; readonly user: string; readonly creditType: string; readonly amount: number }
  | { readonly type: 'denied'; readonly problem: ProblemName; readonly user: string | undefined; readonly creditType: string }
  | { readonly type: 'settled'; readonly reservation: string; readonly creditType: string; readonly outcome: 'committed' | 'refunded'; readonly amount: number }
  /** The handler handed it to a background job, which has so many seconds to settle it or to renew its lease. */
  | { readonly type: 'detached'; readonly reservation: string; readonly creditType: string; readonly leaseSeconds: number }
  /** The handler's actual amount passed what was reserved; `charged` is what was reserved. */
  | { readonly type: 'overage'; readonly reservation: string; readonly creditType: string; readonly actual: number; readonly charged: number }
  /** A settlement did not come about: the reservation had already ended otherwise, or its lease ran out while the database could not be reached. */
  | { readonly type: 'unsettled'; readonly reservation: string; readonly creditType: string; readonly wanted: 'commit' | 'refund'; readonly state: string }
  /** Something for the developer to mend, or an outage. */
  | { readonly type: 'fault'; readonly error: Error; readonly creditType: string | undefined }

/** May be async; what it returns is not used. */
export type EventListener = (event: GuardEvent) => unknown

/** The default: faults and lost settlements go to the error log, so that a wrong set-up does not stay silent. */
export const logFaults: EventListener = (event) => {
  if (event.type === 'fault') console.error(event.error)
  if (event.type === 'unsettled') console.error(`creditgate: reservation ${event.reservation} could not be settled by ${event.wanted}: it is ${event.state}`)
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
