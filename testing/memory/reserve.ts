import type { ReserveAnswer, ReserveRequest } from 'creditgate'
import { equalAmounts } from './amounts.ts'
import { describeBalances } from './balances.ts'
import { carryOut, planDraw } from './drawing.ts'
import { isOld } from './kept-response.ts'
import { refuseReserve } from './refusal.ts'
import { describeEnd, type Reservation } from './reservation.ts'
import { expire, findReservation, findSubscription, type Store } from './store.ts'

/** Holds credits for one call, all or nothing; or, where the request says that less will do, what is left. */
export function reserve(store: Store, request: ReserveRequest): ReserveAnswer {
  const { id, user, amounts: asked, least, lease, idempotency, session } = request
  const reason = refuseReserve(request, store.creditTypes)
  if (reason !== undefined) return { id, outcome: 'invalid', reason }
  if (session !== undefined && store.endedSessions.has(session.toLowerCase())) return { id, outcome: 'session_over' }

  const types = Object.keys(asked).sort()
  const found = findReservation(store, { id })
  if (found !== undefined) {
    // A tombstone has no user: whatever the request was, it was given up before it arrived.
    if (found.user !== undefined && (user !== found.user || !equalAmounts(asked, found.asked))) return { id, outcome: 'conflict', state: found.state }
    if (found.state !== 'open') return describeEnd(found, found.state)
    const subscription = found.subscription ?? ''
    return { id, outcome: 'reserved', subscription, amounts: { ...found.amounts }, balances: describeBalances(store, { subscription, types }) }
  }

  const subscription = findSubscription(store, user)
  if (subscription === undefined) return { id, outcome: 'no_subscription' }
  for (const each of store.open) if (each.subscription === subscription) expire(store, each)
  const obstacle = findObstacle(store, { request, subscription })
  if (obstacle !== undefined) return obstacle

  const drawing = planDraw(store, { subscription, wanted: asked, least })
  if (drawing.short !== undefined) {
    const { short, available } = drawing
    const resetsAt = describeBalances(store, { subscription, types: [short] })[short]?.resetsAt ?? null
    return { id, outcome: 'insufficient', creditType: short, required: least?.[short] ?? asked[short] ?? 0, available, resetsAt }
  }
  const { granted, draws } = drawing
  const balances = describeBalances(store, { subscription, types, draws })
  if (request.dryRun !== true) {
    const reservation: Reservation = {
      ...{ id, user, subscription, asked: { ...asked }, amounts: granted, allocations: carryOut(store, draws), attempt: idempotency, reversals: new Map() },
      ...{ state: 'open', reported: undefined, leaseUntil: store.clock.now() + lease * 1000, endedAt: 0, response: undefined },
    }
    store.reservations.set(id, reservation)
    store.open.add(reservation)
  }
  return { id, outcome: 'reserved', subscription, amounts: { ...granted }, balances }
}

/** What stands in the way of a new reservation, whatever there is to be drawn. */
function findObstacle(store: Store, { request, subscription }: { readonly request: ReserveRequest; readonly subscription: string }): ReserveAnswer | undefined {
  const { id } = request
  const most = store.maxOpenReservations
  if ([...store.open].filter((each) => each.subscription === subscription).length >= most) return { id, outcome: 'too_many_open', most }
  return findEarlierAttempt(store, { request, subscription })
}

/** What stands in the way of a new attempt at an idempotency key. */
function findEarlierAttempt({ reservations, clock }: Store, { request, subscription }: { readonly request: ReserveRequest; readonly subscription: string }): ReserveAnswer | undefined {
  const { id, user, idempotency } = request
  if (idempotency === undefined) return undefined
  const earlier = [...reservations.values()].filter((each) => each.subscription === subscription && each.attempt?.key === idempotency.key).at(-1)
  if (earlier === undefined) return undefined
  if (earlier.attempt?.fingerprint !== idempotency.fingerprint) return { id, outcome: 'key_reused' }
  if (earlier.state === 'open') return { id, outcome: 'in_progress', endsIn: Math.max(Math.ceil((earlier.leaseUntil - clock.now()) / 1000), 1) }
  if (earlier.state !== 'committed') return undefined
  const { response } = earlier
  const sent = response !== undefined && earlier.user === user && !isOld(response, clock.now())
  return { id, outcome: 'already_charged', reservation: earlier.id, ...(sent ? { response: { ...response.answer, headers: { ...response.answer.headers } } } : {}) }
}
