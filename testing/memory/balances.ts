import type { Balance } from 'creditgate'
import { sum } from './amounts.ts'
import { endOfCycle, headroom, viewRow, type CreditRow } from './credit-row.ts'
import type { Draw } from './drawing.ts'
import { listRows, type Store } from './store.ts'

/** What is left of each type that the subscription has rows of. `draws`: what is to count as drawn already. */
export function describeBalances(
  store: Store,
  { subscription, types, draws = [] }: { readonly subscription: string; readonly types: readonly string[]; readonly draws?: readonly Draw[] },
): Record<string, Balance> {
  const now = store.clock.now()
  const view = (row: CreditRow): CreditRow => {
    const seen = viewRow(row, now)
    return { ...seen, used: seen.used + sum(draws.filter((each) => each.row === row).map(({ amount }) => amount)) }
  }
  const balances: Record<string, Balance> = {}
  for (const type of types) {
    const views = listRows(store, { type, subscription }).map(view)
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
