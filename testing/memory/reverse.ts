import type { ReverseAnswer, ReverseRequest } from 'creditgate'
import { equalAmounts, exceeds, mapAmounts, nameAmounts, namesOnly } from './amounts.ts'
import { endOfCycle, giveBack } from './credit-row.ts'
import { isAmounts, REASONS, refuseCall } from './refusal.ts'
import { sumReversible } from './reservation.ts'
import { findAllocated, findReservation, type Store } from './store.ts'

/** Gives credits back after a commit, once for each key. A row that has begun a new cycle since gets nothing. */
export function reverse(store: Store, request: ReverseRequest): ReverseAnswer {
  const { id, key } = request
  const reason = refuseCall(request, { key: true })
  if (reason !== undefined) return { id, outcome: 'invalid', reason }
  const found = findReservation(store, request)
  if (found === undefined) return { id, outcome: 'not_found' }
  if (found.state === 'open') return { id, outcome: 'conflict', state: 'open' }
  if (found.state !== 'committed') return { id, outcome: found.state }

  const given = (request.amounts as unknown) ?? undefined
  const asked = given === undefined ? undefined : nameAmounts(given as never, found.amounts)
  if (given !== undefined && !isAmounts(asked)) return { id, outcome: 'invalid', reason: REASONS.amounts }
  if (asked !== undefined && !namesOnly(asked, found.amounts)) return { id, outcome: 'invalid', reason: REASONS.amountsNames }

  const done = found.reversals.get(key)
  if (done !== undefined) {
    const { amounts, returned } = done
    return equalAmounts(done.asked, asked) ? { id, outcome: 'reversed', amounts, returned } : { id, outcome: 'conflict', state: 'committed', amounts }
  }
  const reversible = sumReversible(found)
  if (asked !== undefined && exceeds(asked, reversible)) return { id, outcome: 'exceeds', amounts: reversible }

  const amounts = Object.freeze({ ...(asked ?? reversible) })
  const left: Record<string, number> = { ...amounts }
  const returned: Record<string, number> = { ...mapAmounts(amounts, () => 0) }
  for (const allocation of found.allocations.toReversed()) {
    const { type } = allocation
    const amount = Math.min(left[type] ?? 0, allocation.kept - allocation.reversed)
    left[type] = (left[type] ?? 0) - amount
    allocation.reversed += amount
    const row = findAllocated(store, allocation)
    if (row === undefined) continue
    giveBack(row, amount)
    // In a cycle that is over, though nobody has closed it yet, nothing can be spent any more.
    if (type in returned && endOfCycle(row) > store.clock.now()) returned[type] = (returned[type] ?? 0) + amount
  }
  found.reversals.set(key, { asked, amounts, returned: Object.freeze(returned) })
  return { id, outcome: 'reversed', amounts, returned }
}
