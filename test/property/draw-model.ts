import type { Amounts } from 'creditgate'
import { headroom, orderForSpending, viewRow, type RowModel } from './row-model.ts'

export interface Draw {
  readonly row: RowModel
  readonly amount: number
}

/** `short`: the type of which there is not enough, not even of the least that will do. */
export type Drawing = { readonly short: undefined; readonly granted: Amounts; readonly draws: readonly Draw[] } | { readonly short: string; readonly available: number }

/** How amounts are drawn from these rows, all or nothing. Changes none of them. */
export function planDraw(wanted: Amounts, least: Amounts | undefined, { rows, now }: { readonly rows: readonly RowModel[]; readonly now: number }): Drawing {
  const draws: Draw[] = []
  const granted: Record<string, number> = {}
  for (const type of Object.keys(wanted).sort()) {
    let need = wanted[type] ?? 0
    const ofType = rows.filter((row) => row.type === type)
    for (const row of orderForSpending(ofType, now)) {
      const amount = Math.min(need, headroom(viewRow(row, now)))
      if (amount > 0) draws.push({ row, amount })
      need -= amount
    }
    const available = (wanted[type] ?? 0) - need
    if (need > 0 && available < (least?.[type] ?? Infinity)) return { short: type, available }
    granted[type] = available
  }
  return { short: undefined, granted, draws }
}
