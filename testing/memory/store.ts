import type { Amounts } from 'creditgate'
import type { Clock } from '../test-clock.ts'
import { giveBack, type CreditRow } from './credit-row.ts'
import type { Allocation, Reservation } from './reservation.ts'

export interface Subscription {
  readonly user: string
  readonly active: boolean
}

/** All that a memory ledger holds. Nothing in it waits, so that each call is a transaction of its own. */
export interface Store {
  readonly clock: Clock
  readonly creditTypes: readonly string[]
  /** How many reservations of one subscription may be open at once. */
  readonly maxOpenReservations: number
  readonly subscriptions: Map<string, Subscription>
  readonly rows: Map<string, CreditRow>
  readonly reservations: Map<string, Reservation>
  /** Those that are open: the only ones that a lease can end. */
  readonly open: Set<Reservation>
  /** Ids in lower case. Every other session stands. */
  readonly endedSessions: Set<string>
  /** Answers to resets that are done, by subscription, type and key. */
  readonly resets: Map<string, number>
  /** What pruned reservations keep in a row's cycle. */
  readonly carried: Map<string, { readonly cycle: number; readonly kept: number }>
}

export function createStore(settings: Pick<Store, 'clock' | 'creditTypes' | 'maxOpenReservations'>): Store {
  return { ...settings, subscriptions: new Map(), rows: new Map(), reservations: new Map(), open: new Set(), endedSessions: new Set(), resets: new Map(), carried: new Map() }
}

/** The subscription that a user spends from. */
export function findSubscription({ subscriptions }: Store, user: string): string | undefined {
  const active = [...subscriptions].filter(([, each]) => each.user === user && each.active).map(([id]) => id)
  return active.sort()[0]
}

export function listRows({ rows }: Store, { type, subscription }: { readonly type: string; readonly subscription: string }): CreditRow[] {
  return [...rows.values()].filter((row) => row.type === type && row.subscription === subscription)
}

/** The row that an allocation drew from, while it is still in that cycle. */
export function findAllocated({ rows }: Store, { row, cycle }: Allocation): CreditRow | undefined {
  const found = rows.get(row)
  return found?.cycle === cycle ? found : undefined
}

/** The reservation as every operation finds it: one whose lease is over is ended first. */
export function findReservation(store: Store, { id, user }: { readonly id: string; readonly user?: string | undefined }): Reservation | undefined {
  const reservation = store.reservations.get(id)
  if (reservation === undefined) return undefined
  expire(store, reservation)
  return reservation.user !== undefined && user !== undefined && user !== reservation.user ? undefined : reservation
}

/** Keeps so much of what is held, and gives the rest back to the very rows it came from, those drawn last first. */
export function end(store: Store, reservation: Reservation, { state, keep }: { readonly state: Exclude<Reservation['state'], 'open'>; readonly keep: Amounts }): void {
  const left: Record<string, number> = { ...keep }
  for (const allocation of reservation.allocations) {
    const { type, held } = allocation
    const kept = Math.min(held, left[type] ?? 0)
    left[type] = (left[type] ?? 0) - kept
    const row = findAllocated(store, allocation)
    if (row !== undefined) giveBack(row, held - kept)
    allocation.kept = kept
  }
  reservation.state = state
  store.open.delete(reservation)
  reservation.endedAt = store.clock.now()
}

/** Ends a lease that is over: with what was reported, else with nothing. Returns whether it was. */
export function expire(store: Store, reservation: Reservation): boolean {
  if (reservation.state !== 'open' || reservation.leaseUntil > store.clock.now()) return false
  const { reported } = reservation
  end(store, reservation, reported === undefined ? { state: 'expired', keep: {} } : { state: 'committed', keep: reported })
  return true
}
