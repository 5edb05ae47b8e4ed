/** One credit row, as the tables of the database have it. Instants are milliseconds since 1970. */
export interface CreditRow {
  readonly id: string
  readonly type: string
  readonly subscription: string
  readonly resetInDays: number | null
  /** null: unlimited. */
  allotted: number | null
  used: number
  cycle: number
  cycleStart: number
  /** The ledger has written to it, and so knows what it started with. */
  met: boolean
  /** What the ledger accounts for in the present cycle: `used` less this is what other writers made of it. */
  accounted: number
}

const DAY = 86_400_000
export const LARGEST_AMOUNT = 2_147_483_647

/** When the present cycle ends; infinite for a row that never resets. */
export function endOfCycle({ resetInDays, cycleStart }: CreditRow): number {
  return resetInDays === null || resetInDays <= 0 ? Infinity : cycleStart + resetInDays * DAY
}

/** The row as it is once the cycles that are over have been closed: by whole periods, whoever touched it in between. */
export function viewRow(row: CreditRow, now: number): CreditRow {
  const view = { ...row }
  closeCycles(view, now)
  return view
}

/** Writes the end of every cycle that is over. Returns whether there was one. */
export function closeCycles(row: CreditRow, now: number): boolean {
  const { resetInDays } = row
  if (resetInDays === null || endOfCycle(row) > now) return false
  const periods = Math.floor((now - row.cycleStart) / (resetInDays * DAY))
  row.met = true
  row.cycleStart += periods * resetInDays * DAY
  row.cycle += periods
  row.used = 0
  row.accounted = 0
  return true
}

export function headroom({ allotted, used }: CreditRow): number {
  return Math.min(Math.max((allotted ?? LARGEST_AMOUNT) - used, 0), LARGEST_AMOUNT - used)
}

export function draw(row: CreditRow, amount: number): void {
  if (!row.met) row.accounted = row.used
  row.met = true
  row.used += amount
  row.accounted += amount
}

/** Never below zero: what another writer took away is not taken again. */
export function giveBack(row: CreditRow, amount: number): void {
  row.used = Math.max(row.used - amount, 0)
  row.accounted -= amount
}

/** Rows that reset soonest come first, those that never reset last, ties by id. */
export function orderForSpending(rows: readonly CreditRow[], now: number): CreditRow[] {
  const keyed = rows.map((row) => ({ row, ends: endOfCycle(viewRow(row, now)) }))
  return keyed.sort((a, b) => (a.ends === b.ends ? (a.row.id < b.row.id ? -1 : 1) : a.ends < b.ends ? -1 : 1)).map(({ row }) => row)
}
