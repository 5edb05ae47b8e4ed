import type { Amounts } from 'creditgate'
import { closeCycles, draw, headroom, orderForSpending, viewRow, type CreditRow } from './credit-row.ts'
import type { Allocation } from './reservation.ts'
import { listRows, type Store } from './store.ts'

/** So much of a row, yet to be drawn. */
export interface Draw {
  readonly row: CreditRow
  readonly amount: number
}

/** `short`: the type of which there is not enough, and what is left of it. */
export type Drawing = { readonly short: undefined; readonly granted: Amounts; readonly draws: readonly Draw[] } | { readonly short: string; readonly available: number }

/** How amounts are drawn: rows that reset soonest first. `least`: of these types less than wanted will do, but no less than this. Writes nothing. */
export function planDraw(store: Store, { subscription, wanted, least }: { readonly subscription: string; readonly wanted: Amounts; readonly least?: Amounts | undefined }): Drawing {
  const now = store.clock.now()
  const granted: Record<string, number> = {}
  const draws: Draw[] = []
  for (const type of Object.keys(wanted).sort()) {
    const whole = wanted[type] ?? 0
    let need = whole
    for (const row of orderForSpending(listRows(store, { type, subscription }), now)) {
      const amount = Math.min(need, headroom(viewRow(row, now)))
      if (amount > 0) draws.push({ row, amount })
      need -= amount
    }
    const available = whole - need
    if (need > 0 && available < (least?.[type] ?? Infinity)) return { short: type, available }
    granted[type] = available
  }
  return { short: undefined, granted, draws }
}

/** Draws what was planned at this very moment. */
export function carryOut({ clock }: Store, draws: readonly Draw[]): Allocation[] {
  return draws.map(({ row, amount }) => {
    closeCycles(row, clock.now())
    draw(row, amount)
    return { row: row.id, type: row.type, cycle: row.cycle, held: amount, kept: amount, reversed: 0 }
  })
}

/** One allocation for each row and cycle: a reversal counts what it has given back to it. */
export function addAllocations(before: readonly Allocation[], added: readonly Allocation[]): readonly Allocation[] {
  const findIn = (allocations: readonly Allocation[], { row, cycle }: Allocation) => allocations.find((each) => each.row === row && each.cycle === cycle)
  const grown = before.map((each) => {
    const { held = 0, kept = 0 } = findIn(added, each) ?? {}
    return { ...each, held: each.held + held, kept: each.kept + kept }
  })
  return [...grown, ...added.filter((each) => findIn(before, each) === undefined)]
}
