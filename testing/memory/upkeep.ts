import type { PruneAnswer, PruneRequest, ResetAnswer, ResetRequest, SweepAnswer, SweepRequest } from 'creditgate'
import { closeCycles, endOfCycle } from './credit-row.ts'
import { isOld } from './kept-response.ts'
import { refuseReset, refuseStep } from './refusal.ts'
import { expire, findAllocated, listRows, type Store } from './store.ts'

/** Begins a new cycle for a subscription's credits of one type, once for each key. Top-ups are left alone. */
export function reset(store: Store, request: ResetRequest): ResetAnswer {
  const { subscription, creditType, key } = request
  const reason = refuseReset(request, store.creditTypes)
  if (reason !== undefined) return { subscription, outcome: 'invalid', reason }
  const subject = JSON.stringify([subscription, creditType, key])
  const done = store.resets.get(subject)
  if (done !== undefined) return { subscription, outcome: 'reset', creditType, rows: done }
  if (!store.subscriptions.has(subscription)) return { subscription, outcome: 'not_found' }

  const now = store.clock.now()
  const rows = listRows(store, { type: creditType, subscription }).filter((row) => endOfCycle(row) < Infinity)
  for (const row of rows) {
    closeCycles(row, now)
    Object.assign(row, { met: true, used: 0, accounted: 0, cycle: row.cycle + 1, cycleStart: now })
  }
  store.resets.set(subject, rows.length)
  return { subscription, outcome: 'reset', creditType, rows: rows.length }
}

/** One bounded step that ends leases, closes cycles that are over, and forgets responses that are too old to be sent. */
export function sweep(store: Store, request: SweepRequest): SweepAnswer {
  const reason = refuseStep(request)
  if (reason !== undefined) return { id: undefined, outcome: 'invalid', reason }
  const { most = 500 } = request
  let [expired, cycles, forgotten] = [0, 0, 0]
  for (const reservation of store.open) if (expired < most && expire(store, reservation)) expired += 1
  // A row of which nothing is used has nothing to take away, and is left as it is.
  for (const row of store.rows.values()) if (expired + cycles < most && row.used !== 0 && closeCycles(row, store.clock.now())) cycles += 1
  for (const reservation of store.reservations.values()) {
    if (forgotten >= most || reservation.response === undefined || !isOld(reservation.response, store.clock.now())) continue
    reservation.response = undefined
    forgotten += 1
  }
  return { outcome: 'swept', expired, cycles, more: expired + cycles >= most || forgotten >= most }
}

/** One bounded step that forgets reservations which ended long ago; what they keep in a row's present cycle is carried over. */
export function prune(store: Store, request: PruneRequest): PruneAnswer {
  const reason = refuseStep(request)
  if (reason !== undefined) return { id: undefined, outcome: 'invalid', reason }
  const { most = 500, olderThanDays = 90 } = request
  const before = store.clock.now() - olderThanDays * 86_400_000
  const old = [...store.reservations.values()].filter(({ state, endedAt }) => state !== 'open' && endedAt < before)
  const pruned = old.sort((one, other) => one.endedAt - other.endedAt).slice(0, most)
  for (const { id, allocations } of pruned) {
    store.reservations.delete(id)
    for (const allocation of allocations) {
      const row = findAllocated(store, allocation)
      if (row === undefined) continue
      const { cycle, kept } = store.carried.get(row.id) ?? { cycle: row.cycle, kept: 0 }
      store.carried.set(row.id, { cycle: row.cycle, kept: allocation.kept + (cycle === row.cycle ? kept : 0) })
    }
  }
  return { outcome: 'pruned', pruned: pruned.length, more: pruned.length === most }
}
