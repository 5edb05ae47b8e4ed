import type { Balance, ReserveAnswer, ReserveRequest } from 'creditgate'
import { equalAmounts, sum } from './amounts.ts'
import { closeCycles, draw, endOfCycle, headroom, orderForSpending, viewRow, type CreditRow } from './credit-row.ts'
import { refuseReserve } from './refusal.ts'
import { describeEnd, type Allocation, type Reservation } from './reservation.ts'
import { expire, findReservation, findSubscription, listRows, type Store } from './store.ts'

/** Holds credits for one call, all or nothing. */
export function reserve(store: Store, request: ReserveRequest): ReserveAnswer {
  const { id, user, amounts, lease, idempotency } = request
  const reason = refuseReserve(request, store.creditTypes)
  if (reason !== undefined) return { id, outcome: 'invalid', reason }

  const types = Object.keys(amounts).sort()
  const found = findReservation(store, { id })
  if (found !== undefined) {
    // A tombstone has no user: whatever the request was, it was given up before it arrived.
    if (found.user !== undefined && (user !== found.user || !equalAmounts(amounts, found.amounts))) return { id, outcome: 'conflict', state: found.state }
    if (found.state !== 'open') return describeEnd(found, found.state)
    const subscription = found.subscription ?? ''
    return { id, outcome: 'reserved', subscription, amounts: { ...amounts }, balances: describeBalances(store, { subscription, types }) }
  }

  const subscription = findSubscription(store, user)
  if (subscription === undefined) return { id, outcome: 'no_subscription' }
  for (const each of store.open) if (each.subscription === subscription) expire(store, each)
  const obstacle = findObstacle(store, { request, subscription })
  if (obstacle !== undefined) return obstacle

  const now = store.clock.now()
  const draws: { readonly row: CreditRow; readonly amount: number }[] = []
  for (const type of types) {
    const required = amounts[type] ?? 0
    let need = required
    for (const row of orderForSpending(listRows(store, { type, subscription }), now)) {
      const amount = Math.min(need, headroom(viewRow(row, now)))
      if (amount > 0) draws.push({ row, amount })
      need -= amount
    }
    if (need > 0) {
      const resetsAt = describeBalances(store, { subscription, types: [type] })[type]?.resetsAt ?? null
      return { id, outcome: 'insufficient', creditType: type, required, available: required - need, resetsAt }
    }
  }
  const allocations = draws.map(({ row, amount }): Allocation => {
    closeCycles(row, now)
    draw(row, amount)
    return { row: row.id, type: row.type, cycle: row.cycle, held: amount, kept: amount, reversed: 0 }
  })
  const reservation: Reservation = {
    ...{ id, user, subscription, amounts: { ...amounts }, allocations, attempt: idempotency, reversals: new Map() },
    ...{ state: 'open', reported: undefined, leaseUntil: now + lease * 1000, endedAt: 0 },
  }
  store.reservations.set(id, reservation)
  store.open.add(reservation)
  return { id, outcome: 'reserved', subscription, amounts: { ...amounts }, balances: describeBalances(store, { subscription, types }) }
}

/** What stands in the way of a new attempt at an idempotency key. */
function findObstacle({ reservations, clock }: Store, { request, subscription }: { readonly request: ReserveRequest; readonly subscription: string }): ReserveAnswer | undefined {
  const { id, idempotency } = request
  if (idempotency === undefined) return undefined
  const earlier = [...reservations.values()].filter((each) => each.subscription === subscription && each.attempt?.key === idempotency.key).at(-1)
  if (earlier === undefined) return undefined
  if (earlier.attempt?.fingerprint !== idempotency.fingerprint) return { id, outcome: 'key_reused' }
  if (earlier.state === 'open') return { id, outcome: 'in_progress', endsIn: Math.max(Math.ceil((earlier.leaseUntil - clock.now()) / 1000), 1) }
  return earlier.state === 'committed' ? { id, outcome: 'already_charged', reservation: earlier.id } : undefined
}

/** What is left of each type that the subscription has rows of. */
function describeBalances(store: Store, { subscription, types }: { readonly subscription: string; readonly types: readonly string[] }): Record<string, Balance> {
  const now = store.clock.now()
  const balances: Record<string, Balance> = {}
  for (const type of types) {
    const views = listRows(store, { type, subscription }).map((row) => viewRow(row, now))
    if (views.length === 0) continue
    const resets = Math.min(...views.map(endOfCycle))
    balances[type] = {
      remaining: views.some(({ allotted }) => allotted === null) ? null : sum(views.map(headroom)),
      resetsIn: resets === Infinity ? null : Math.ceil((resets - now) / 1000),
      resetsAt: resets === Infinity ? null : new Date(resets).toISOString().replace(/\.\d+Z$/, 'Z'),
    }
  }
  return balances
}
