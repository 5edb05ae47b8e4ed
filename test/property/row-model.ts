import type { Change } from './steps.ts'

/**
 * One credit row in whole numbers. Instants are virtual seconds times `SECOND`, plus the number of the step: what happens
 * in a later step happens later, and nothing depends on how long a step really took.
 */
export interface RowModel {
  readonly id: string
  readonly type: string
  readonly resetDays: number | null
  allotted: number | null
  used: number
  cycle: number
  cycleStart: number
  /** The ledger has drawn from it, and so knows what it started with. */
  met: boolean
  /** What the ledger accounts for in the present cycle; `used` less this is what other writers made of it. */
  accounted: number
}

export const SECOND = 1_000_000
const DAY = 86_400 * SECOND
const LARGEST = 2_147_483_647

export function createRowModel(row: Pick<RowModel, 'id' | 'type' | 'resetDays' | 'allotted' | 'used'>, now: number): RowModel {
  return { ...row, cycle: 0, cycleStart: now, met: false, accounted: 0 }
}

/** When the present cycle ends; infinite for a row that never resets. */
export function endOfCycle({ resetDays, cycleStart }: RowModel): number {
  return resetDays === null || resetDays <= 0 ? Infinity : cycleStart + resetDays * DAY
}

/** Writes the end of every cycle that is over by now. Returns whether there was one. */
export function closeCycles(row: RowModel, now: number): boolean {
  if (endOfCycle(row) > now) return false
  meet(row)
  while (endOfCycle(row) <= now) {
    row.cycleStart = endOfCycle(row)
    row.cycle += 1
    row.used = 0
    row.accounted = 0
  }
  return true
}

/** The row as a reader sees it at this moment, although nobody has closed its cycle yet. */
export function viewRow(row: RowModel, now: number): RowModel {
  const view = { ...row }
  closeCycles(view, now)
  return view
}

export function headroom({ allotted, used }: RowModel): number {
  return Math.min(Math.max((allotted ?? LARGEST) - used, 0), LARGEST - used)
}

/** The first time the ledger changes a row, it writes down what the row had. */
export function meet(row: RowModel): void {
  if (!row.met) row.accounted = row.used
  row.met = true
}

export function draw(row: RowModel, amount: number): void {
  meet(row)
  row.used += amount
  row.accounted += amount
}

/** Never below zero: what another writer took away is not taken again. */
export function giveBack(row: RowModel, amount: number): void {
  row.used = Math.max(row.used - amount, 0)
  row.accounted -= amount
}

/** What another writer does, and the ledger knows nothing of. */
export function changeRow(row: RowModel, change: Exclude<Change, 'delete'>): void {
  if ('used' in change) row.used = change.used ?? 0
  else if ('usedBy' in change) row.used = Math.max(row.used + change.usedBy, 0)
  else row.allotted = change.allotted
}

/** Rows that reset soonest come first, those that never reset last, ties by id. */
export function orderForSpending(rows: readonly RowModel[], now: number): RowModel[] {
  const ends = (row: RowModel) => endOfCycle(viewRow(row, now))
  return [...rows].sort((a, b) => (ends(a) === ends(b) ? (a.id < b.id ? -1 : 1) : ends(a) < ends(b) ? -1 : 1))
}

/** Seconds until an instant, rounded up to the grid on which all virtual time lies; null: never. */
export function untilInstant(instant: number, now: number): number | null {
  return instant === Infinity ? null : roundUpToGrid((instant - now) / SECOND)
}

/** How long a cycle has been running, in seconds on the grid. */
export function ageOnGrid(cycleStart: number, now: number): number {
  return Math.floor((now - cycleStart) / SECOND / GRID_SECONDS) * GRID_SECONDS
}

/** Every duration in a run is a multiple of this, so that the milliseconds a step takes are rounded away. */
export const GRID_SECONDS = 100

export function roundUpToGrid(seconds: number): number {
  return Math.ceil(seconds / GRID_SECONDS) * GRID_SECONDS
}
