import type { Amounts, Idempotency } from 'creditgate'
import { mapAmounts, sum } from './amounts.ts'
import type { KeptResponse } from './kept-response.ts'

export interface Allocation {
  readonly row: string
  readonly type: string
  readonly cycle: number
  readonly held: number
  kept: number
  reversed: number
}

export interface Reservation {
  readonly id: string
  /** Undefined for a tombstone, which was asked for nothing and is anybody's. */
  readonly user: string | undefined
  readonly subscription: string | undefined
  /** What its reserve asked for. */
  readonly asked: Amounts
  /** What is reserved: less where less would do, more where a commit drew more. */
  amounts: Amounts
  /** In the order drawn, one for each row and cycle. */
  allocations: readonly Allocation[]
  readonly attempt: Idempotency | undefined
  /** By their key. */
  readonly reversals: Map<string, Reversal>
  state: 'open' | 'committed' | 'refunded' | 'expired'
  reported: Amounts | undefined
  leaseUntil: number
  endedAt: number
  /** Kept with its commit. */
  response: KeptResponse | undefined
}

export interface Reversal {
  readonly asked: Amounts | undefined
  readonly amounts: Amounts
  readonly returned: Amounts
}

export function createTombstone({ id, subscription, now }: { readonly id: string; readonly subscription: string | undefined; readonly now: number }): Reservation {
  return {
    ...{ id, user: undefined, subscription, asked: {}, amounts: {}, allocations: [], attempt: undefined, reversals: new Map() },
    ...{ state: 'refunded', reported: undefined, leaseUntil: 0, endedAt: now, response: undefined },
  }
}

/** What is kept of each type that was asked for. */
export function sumKept({ amounts, allocations }: Reservation): Amounts {
  return mapAmounts(amounts, (_amount, type) => sum(allocations.filter((each) => each.type === type).map(({ kept }) => kept)))
}

export function sumReversible({ amounts, allocations }: Reservation): Amounts {
  return mapAmounts(amounts, (_amount, type) => sum(allocations.filter((each) => each.type === type).map(({ kept, reversed }) => kept - reversed)))
}

export type Ended = { readonly id: string; readonly outcome: 'committed'; readonly amounts: Amounts } | { readonly id: string; readonly outcome: 'refunded' | 'expired' }

/** What an ended reservation is answered with, whatever was asked. */
export function describeEnd(reservation: Reservation, state: Exclude<Reservation['state'], 'open'>): Ended {
  const { id } = reservation
  return state === 'committed' ? { id, outcome: state, amounts: sumKept(reservation) } : { id, outcome: state }
}
