import fc from 'fast-check'
import type { Amounts, CommitRequest, ExtendRequest, RefundRequest, ReserveRequest, ResetRequest, ReverseRequest } from 'creditgate'
import type { Account } from '../support/seed.ts'
import type { Call, NewRow } from './client.ts'
import { compareById, type Snapshot, type ViolationSnapshot } from './snapshot.ts'
import { planDraw, type Draw } from './draw-model.ts'
import {
  addAllocations,
  createTombstone,
  equalAmounts,
  exceeds,
  mapAmounts,
  nameAmounts,
  namesOnly,
  sum,
  sumKept,
  sumReversible,
  type AllocationModel,
  type ReservationModel,
} from './reservation-model.ts'
import { ageOnGrid, changeRow, closeCycles, createRowModel, draw, endOfCycle, giveBack, headroom, meet, SECOND, untilInstant, viewRow, type RowModel } from './row-model.ts'
import type { Change } from './steps.ts'

type Answer = Readonly<Record<string, unknown>>

const DAY = 86_400 * SECOND

/** The ledger of one subscription in whole numbers, written from DESIGN sections 4 and 5. Any other user has none. */
export interface Model {
  /** Carries a call out, and gives the answers that are due. */
  predict(call: Call): unknown
  snapshot(): Snapshot
}

export function createModel(account: Account): Model {
  const rows = new Map<string, RowModel>()
  const reservations = new Map<string, ReservationModel>()
  const carried = new Map<string, { readonly cycle: number; readonly kept: number }>()
  const resets = new Map<string, Answer>()
  let seconds = 0
  let moments = 0
  let now = 0

  const findAllocated = ({ row, cycle }: AllocationModel) => {
    const found = rows.get(row)
    return found?.cycle === cycle ? found : undefined
  }
  const listRows = (type: string) => [...rows.values()].filter((row) => row.type === type)

  function end(reservation: ReservationModel, state: ReservationModel['state'], keep: Amounts): void {
    const left: Record<string, number> = { ...keep }
    for (const allocation of reservation.allocations) {
      const kept = Math.min(allocation.held, left[allocation.type] ?? 0)
      left[allocation.type] = (left[allocation.type] ?? 0) - kept
      const row = findAllocated(allocation)
      if (row !== undefined) giveBack(row, allocation.held - kept)
      allocation.kept = kept
    }
    reservation.state = state
    reservation.endedAt = now
  }

  function expire(reservation: ReservationModel): boolean {
    if (reservation.state !== 'open' || reservation.leaseUntil > now) return false
    if (reservation.reported === undefined) end(reservation, 'expired', {})
    else end(reservation, 'committed', reservation.reported)
    return true
  }

  /** The reservation as an operation finds it: a lease that is over is ended first. */
  function find({ id }: { readonly id: string }): ReservationModel | undefined {
    const reservation = reservations.get(id)
    if (reservation !== undefined) expire(reservation)
    return reservation
  }

  const isForeign = (reservation: ReservationModel, user: string | undefined) => !reservation.tombstone && user !== undefined && user !== account.user
  const describe = ({ id, state }: ReservationModel): Answer => ({ id, outcome: state })
  const describeEnd = (reservation: ReservationModel): Answer =>
    reservation.state === 'committed' ? { ...describe(reservation), amounts: sumKept(reservation) } : describe(reservation)

  /** `drawn`: what is yet to be drawn. */
  function describeBalances(types: readonly string[], drawn: readonly Draw[] = []): Record<string, { readonly resetsAt: number | null }> {
    const view = (row: RowModel) => {
      const seen = viewRow(row, now)
      return { ...seen, used: seen.used + sum(drawn.filter((each) => each.row === row).map(({ amount }) => amount)) }
    }
    const known = types.map((type) => ({ type, views: listRows(type).map(view) })).filter(({ views }) => views.length > 0)
    return Object.fromEntries(
      known.map(({ type, views }) => {
        const resets = untilInstant(Math.min(...views.map(endOfCycle)), now)
        const remaining = views.some(({ allotted }) => allotted === null) ? null : sum(views.map(headroom))
        return [type, { remaining, resetsIn: resets, resetsAt: resets }]
      }),
    )
  }

  function findObstacle({ id, idempotency }: ReserveRequest): Answer | undefined {
    const latest = [...reservations.values()].filter(({ attempt }) => attempt !== undefined && attempt.key === idempotency?.key).at(-1)
    if (latest === undefined) return undefined
    if (latest.attempt?.fingerprint !== idempotency?.fingerprint) return { id, outcome: 'key_reused' }
    if (latest.state === 'open') return { id, outcome: 'in_progress', endsIn: untilInstant(latest.leaseUntil, now) }
    if (latest.state !== 'committed') return undefined
    const { response } = latest
    return { id, outcome: 'already_charged', reservation: latest.id, ...(response !== undefined && !isOld(response) && { response: response.answer }) }
  }

  const isOld = ({ storedAt }: { readonly storedAt: number }) => storedAt + DAY <= now

  function allocate(draws: readonly Draw[]): AllocationModel[] {
    return draws.map(({ row, amount }) => {
      closeCycles(row, now)
      draw(row, amount)
      return { row: row.id, type: row.type, cycle: row.cycle, held: amount, kept: amount, reversed: 0 }
    })
  }

  function reserve(request: ReserveRequest): Answer {
    const { id, user, amounts: asked, least, lease, idempotency } = request
    const found = find(request)
    const types = Object.keys(asked).sort()
    if (found !== undefined) {
      if (!found.tombstone && (user !== account.user || !equalAmounts(asked, found.asked))) return { id, outcome: 'conflict', state: found.state }
      if (found.state !== 'open') return describeEnd(found)
      return { id, outcome: 'reserved', subscription: account.subscription, amounts: found.amounts, balances: describeBalances(types) }
    }
    if (user !== account.user) return { id, outcome: 'no_subscription' }
    reservations.forEach(expire)
    const obstacle = findObstacle(request)
    if (obstacle !== undefined) return obstacle

    const drawing = planDraw(asked, least, { rows: [...rows.values()], now })
    if (drawing.short !== undefined) {
      const { short, available } = drawing
      return { id, outcome: 'insufficient', creditType: short, required: least?.[short] ?? asked[short] ?? 0, available, resetsAt: describeBalances([short])[short]?.resetsAt ?? null }
    }
    const { granted: amounts, draws } = drawing
    const answer = { id, outcome: 'reserved', subscription: account.subscription, amounts, balances: describeBalances(types, draws) }
    if (request.dryRun === true) return answer
    const allocations = allocate(draws)
    const leaseUntil = now + lease * SECOND
    reservations.set(id, { id, tombstone: false, asked, amounts, allocations, attempt: idempotency, reversals: new Map(), state: 'open', reported: undefined, leaseUntil, endedAt: 0, response: undefined })
    return answer
  }

  /** All of what the reservation lacks, or nothing. */
  function reserveMore(found: ReservationModel, wanted: Amounts): void {
    const lacking = Object.entries(wanted).flatMap(([type, amount]) => (amount > (found.amounts[type] ?? 0) ? [[type, amount - (found.amounts[type] ?? 0)] as const] : []))
    const drawing = planDraw(Object.fromEntries(lacking), undefined, { rows: [...rows.values()], now })
    if (drawing.short !== undefined) return
    found.allocations = addAllocations(found.allocations, allocate(drawing.draws))
    found.amounts = mapAmounts(found.amounts, (amount, type) => Math.max(amount, wanted[type] ?? 0))
  }

  function commit(request: CommitRequest): Answer {
    const { id, user } = request
    const found = find(request)
    if (found === undefined || isForeign(found, user)) return { id, outcome: 'not_found' }
    if (found.state === 'refunded' || found.state === 'expired') return describe(found)
    const wanted = request.amounts === undefined ? found.amounts : nameAmounts(request.amounts, found)
    if (wanted === undefined || !namesOnly(wanted, found) || Object.keys(wanted).length < Object.keys(found.amounts).length) return { id, outcome: 'invalid' }
    if (request.more === true && found.state === 'open') reserveMore(found, wanted)
    const amounts = request.more === true ? mapAmounts(wanted, (amount, type) => Math.min(amount, found.amounts[type] ?? 0)) : wanted
    if (found.state === 'committed') {
      return equalAmounts(amounts, sumKept(found)) ? describeEnd(found) : { id, outcome: 'conflict', state: 'committed', amounts: sumKept(found) }
    }
    if (exceeds(amounts, found.amounts)) return { id, outcome: 'exceeds', amounts: found.amounts }
    end(found, 'committed', amounts)
    if (request.response !== undefined && found.attempt !== undefined) found.response = { answer: request.response, storedAt: now }
    return describeEnd(found)
  }

  function refund(request: RefundRequest): Answer {
    const { id, user } = request
    const found = find(request)
    if (found === undefined) reservations.set(id, createTombstone(id, now))
    if (found === undefined) return { id, outcome: 'refunded' }
    if (isForeign(found, user)) return { id, outcome: 'not_found' }
    if (found.state === 'open') end(found, 'refunded', {})
    return describeEnd(found)
  }

  function extend(request: ExtendRequest): Answer {
    const { id, user, lease, atLeast = false } = request
    const found = find(request)
    if (found === undefined || isForeign(found, user)) return { id, outcome: 'not_found' }
    if (found.state !== 'open') return describeEnd(found)
    if (request.reported !== undefined) {
      const delivered = nameAmounts(request.reported, found)
      if (delivered === undefined || !namesOnly(delivered, found)) return { id, outcome: 'invalid' }
      if (exceeds(delivered, found.amounts)) return { id, outcome: 'exceeds', amounts: found.amounts }
      found.reported = mapAmounts(found.amounts, (_amount, type) => Math.max(found.reported?.[type] ?? 0, delivered[type] ?? 0))
    }
    found.leaseUntil = Math.max(now + lease * SECOND, atLeast ? found.leaseUntil : 0)
    return { id, outcome: 'extended', reported: found.reported ?? null }
  }

  function reverse(request: ReverseRequest): Answer {
    const { id, user, key } = request
    const found = find(request)
    if (found === undefined || isForeign(found, user)) return { id, outcome: 'not_found' }
    if (found.state === 'open') return { id, outcome: 'conflict', state: 'open' }
    if (found.state !== 'committed') return describe(found)
    const asked = request.amounts === undefined ? undefined : nameAmounts(request.amounts, found)
    if (request.amounts !== undefined && (asked === undefined || !namesOnly(asked, found))) return { id, outcome: 'invalid' }
    const done = found.reversals.get(key)
    if (done !== undefined) {
      const { amounts, returned } = done
      return equalAmounts(done.asked, asked) ? { id, outcome: 'reversed', amounts, returned } : { id, outcome: 'conflict', state: 'committed', amounts }
    }
    const reversible = sumReversible(found)
    if (asked !== undefined && exceeds(asked, reversible)) return { id, outcome: 'exceeds', amounts: reversible }

    const amounts = asked ?? reversible
    const left: Record<string, number> = { ...amounts }
    const returned: Record<string, number> = { ...mapAmounts(amounts, () => 0) }
    for (const allocation of [...found.allocations].reverse()) {
      const { type } = allocation
      const amount = Math.min(left[type] ?? 0, allocation.kept - allocation.reversed)
      left[type] = (left[type] ?? 0) - amount
      allocation.reversed += amount
      const row = findAllocated(allocation)
      if (row === undefined) continue
      giveBack(row, amount)
      if (type in returned && endOfCycle(row) > now) returned[type] = (returned[type] ?? 0) + amount
    }
    found.reversals.set(key, { asked, amounts, returned })
    return { id, outcome: 'reversed', amounts, returned }
  }

  function reset({ subscription, creditType, key }: ResetRequest): Answer {
    const subject = `${creditType} ${key}`
    const done = resets.get(subject)
    if (done !== undefined) return done
    const resetting = listRows(creditType).filter((row) => endOfCycle(row) < Infinity)
    for (const row of resetting) {
      meet(row)
      closeCycles(row, now)
      Object.assign(row, { used: 0, accounted: 0, cycle: row.cycle + 1, cycleStart: now })
    }
    const answer = { subscription, outcome: 'reset', creditType, rows: resetting.length }
    resets.set(subject, answer)
    return answer
  }

  function prune({ olderThanDays, most, steps }: Extract<Call, { operation: 'prune' }>): Answer {
    const before = now - olderThanDays * DAY
    const old = [...reservations.values()].filter(({ state, endedAt }) => state !== 'open' && endedAt < before).sort((one, other) => one.endedAt - other.endedAt)
    const pruned = steps === 'all' ? old : old.slice(0, most)
    // Which of two that ended in one step goes first is nobody's business.
    fc.pre(pruned.at(-1)?.endedAt !== old[pruned.length]?.endedAt || pruned.length === old.length)
    for (const { id, allocations } of pruned) {
      reservations.delete(id)
      for (const each of allocations) {
        const row = findAllocated(each)
        if (row !== undefined) carried.set(row.id, { cycle: row.cycle, kept: each.kept + countCarried(row) })
      }
    }
    return { pruned: pruned.length }
  }

  function sweep(): Answer {
    const expired = [...reservations.values()].filter(expire).length
    // A row of which nothing is used has nothing to take away, and is left as it is.
    const cycles = [...rows.values()].filter((row) => row.used !== 0 && closeCycles(row, now)).length
    for (const reservation of reservations.values()) if (reservation.response !== undefined && isOld(reservation.response)) reservation.response = undefined
    return { expired, cycles }
  }

  function write({ id }: NewRow, change: Change): void {
    const row = rows.get(id)
    if (row === undefined) throw new Error(`the model has no row ${id}`)
    if (change === 'delete') rows.delete(id)
    else changeRow(row, change)
  }

  /** What pruned reservations keep in the row's present cycle. */
  function countCarried({ id, cycle }: { readonly id: string; readonly cycle: number }): number {
    const found = carried.get(id)
    return found?.cycle === cycle ? found.kept : 0
  }

  function listViolations(): ViolationSnapshot[] {
    return [...rows.values()]
      .filter(({ met }) => met)
      .flatMap((row) => {
        const kept = sum([...reservations.values()].flatMap(({ allocations }) => allocations.filter((each) => findAllocated(each) === row)).map((each) => each.kept)) + countCarried(row)
        const difference = row.used - row.accounted
        const over = row.allotted !== null && row.used > row.allotted && kept > 0
        return [...(over ? [{ id: row.id, kind: 'over_allotted', difference }] : []), ...(difference === 0 ? [] : [{ id: row.id, kind: 'unbalanced', difference }])]
      })
  }

  return {
    predict(call) {
      moments += 1
      now = seconds * SECOND + moments
      switch (call.operation) {
        case 'insert':
          call.rows.forEach((row) => rows.set(row.id, createRowModel(row, now)))
          return undefined
        case 'reserve':
          return call.requests.map(reserve)
        case 'commit':
          return call.requests.map(commit)
        case 'refund':
          return call.requests.map(refund)
        case 'extend':
          return call.requests.map(extend)
        case 'reverse':
          return call.requests.map(reverse)
        case 'reset':
          return call.requests.map(reset)
        case 'sweep':
          return sweep()
        case 'prune':
          return prune(call)
        case 'advance':
          seconds += call.seconds
          now = seconds * SECOND + moments
          return undefined
        case 'write':
          write(call.row, call.change)
          return undefined
      }
    },
    snapshot: () => ({
      rows: [...rows.values()].map(({ id, used, cycle, resetDays, cycleStart }) => ({ id, used, cycle, resetDays, age: ageOnGrid(cycleStart, now) })).sort(compareById),
      reservations: [...reservations.values()]
        .map(({ id, state, asked, amounts, reported = null, allocations }) => ({ id, state, asked, amounts, reported, allocations: allocations.map(({ row, cycle, held, kept }) => ({ row, cycle, held, kept })) }))
        .sort(compareById),
      responses: [...reservations.values()].filter(({ response }) => response !== undefined).map(({ id }) => id).sort(),
      violations: listViolations().sort(compareById),
    }),
  }
}
