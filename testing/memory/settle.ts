import type { Amounts, CommitAnswer, CommitRequest, ExtendAnswer, ExtendRequest, RefundAnswer, RefundRequest } from 'creditgate'
import { equalAmounts, exceeds, mapAmounts, nameAmounts, namesOnly } from './amounts.ts'
import { addAllocations, carryOut, planDraw } from './drawing.ts'
import { keepResponse } from './kept-response.ts'
import { isAmounts, REASONS, refuseCall, refuseCommit } from './refusal.ts'
import { createTombstone, describeEnd, sumKept, type Reservation } from './reservation.ts'
import { end, findReservation, findSubscription, type Store } from './store.ts'

/** Keeps what a call used and gives the rest back; `more`: draws what it used besides. */
export function commit(store: Store, request: CommitRequest): CommitAnswer {
  const { id, more, response } = request
  const reason = refuseCommit(request)
  if (reason !== undefined) return { id, outcome: 'invalid', reason }
  const found = findReservation(store, request)
  if (found === undefined) return { id, outcome: 'not_found' }
  if (found.state === 'refunded' || found.state === 'expired') return { id, outcome: found.state }

  // null is how JSON says that there is none.
  const amounts = (request.amounts as unknown) === undefined || (request.amounts as unknown) === null ? found.amounts : nameAmounts(request.amounts as never, found.amounts)
  if (!isAmounts(amounts)) return { id, outcome: 'invalid', reason: REASONS.amounts }
  let named = amounts as NonNullable<typeof amounts>
  if (!namesOnly(named, found.amounts) || !namesOnly(found.amounts, named)) return { id, outcome: 'invalid', reason: REASONS.namesEach }
  if (more === true) {
    if (found.state === 'open') reserveMore(store, { found, wanted: named })
    named = mapAmounts(named, (amount, type) => Math.min(amount, found.amounts[type] ?? 0))
  }
  if (found.state === 'committed') {
    const kept = sumKept(found)
    return equalAmounts(named, kept) ? { id, outcome: 'committed', amounts: kept } : { id, outcome: 'conflict', state: 'committed', amounts: kept }
  }
  if (exceeds(named, found.amounts)) return { id, outcome: 'exceeds', amounts: { ...found.amounts } }
  end(store, found, { state: 'committed', keep: named })
  if (response !== undefined && found.attempt !== undefined) found.response = keepResponse(response, store.clock.now())
  return { id, outcome: 'committed', amounts: { ...named } }
}

/** Draws what an open reservation lacks, where there is enough of every type; else changes nothing. */
function reserveMore(store: Store, { found, wanted }: { readonly found: Reservation; readonly wanted: Amounts }): void {
  const lacking = Object.entries(wanted).map(([type, amount]) => [type, amount - (found.amounts[type] ?? 0)] as const)
  const surplus = Object.fromEntries(lacking.filter(([, amount]) => amount > 0))
  const drawing = planDraw(store, { subscription: found.subscription ?? '', wanted: surplus })
  if (drawing.short !== undefined) return
  found.allocations = addAllocations(found.allocations, carryOut(store, drawing.draws))
  found.amounts = mapAmounts(found.amounts, (amount, type) => Math.max(amount, wanted[type] ?? 0))
}

/** Gives back all that a reservation holds. An id not seen yet becomes a tombstone: a reserve that arrives later holds nothing. */
export function refund(store: Store, request: RefundRequest): RefundAnswer {
  const { id, user } = request
  const reason = refuseCall(request)
  if (reason !== undefined) return { id, outcome: 'invalid', reason }
  if (!store.reservations.has(id)) {
    const subscription = user === undefined ? undefined : findSubscription(store, user)
    store.reservations.set(id, createTombstone({ id, subscription, now: store.clock.now() }))
    return { id, outcome: 'refunded' }
  }
  const found = findReservation(store, request)
  if (found === undefined) return { id, outcome: 'not_found' }
  if (found.state !== 'open') return describeEnd(found, found.state)
  end(store, found, { state: 'refunded', keep: {} })
  return { id, outcome: 'refunded' }
}

/** Renews a lease from now, and writes down what has been delivered so far, which only grows. */
export function extend(store: Store, request: ExtendRequest): ExtendAnswer {
  const { id, lease, atLeast = false } = request
  const reason = refuseCall(request, { lease: true })
  if (reason !== undefined) return { id, outcome: 'invalid', reason }
  const found = findReservation(store, request)
  if (found === undefined) return { id, outcome: 'not_found' }
  if (found.state !== 'open') return describeEnd(found, found.state)

  if ((request.reported as unknown) !== undefined && (request.reported as unknown) !== null) {
    const delivered = nameAmounts(request.reported as never, found.amounts)
    if (!isAmounts(delivered)) return { id, outcome: 'invalid', reason: REASONS.reported }
    const named = delivered as NonNullable<typeof delivered>
    if (!namesOnly(named, found.amounts)) return { id, outcome: 'invalid', reason: REASONS.reportedNames }
    if (exceeds(named, found.amounts)) return { id, outcome: 'exceeds', amounts: { ...found.amounts } }
    found.reported = mapAmounts(found.amounts, (_amount, type) => Math.max(found.reported?.[type] ?? 0, named[type] ?? 0))
  }
  found.leaseUntil = Math.max(store.clock.now() + lease * 1000, atLeast ? found.leaseUntil : 0)
  return { id, outcome: 'extended', reported: found.reported === undefined ? null : { ...found.reported } }
}
