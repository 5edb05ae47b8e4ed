import type { Amounts, Idempotency } from 'creditgate'

export interface AllocationModel {
  readonly row: string
  readonly type: string
  readonly cycle: number
  readonly held: number
  kept: number
  reversed: number
}

export interface ReservationModel {
  readonly id: string
  /** A tombstone was asked for nothing, and is anybody's. */
  readonly tombstone: boolean
  readonly amounts: Amounts
  /** In the order drawn. */
  readonly allocations: readonly AllocationModel[]
  readonly attempt: Idempotency | undefined
  /** Reversals by their key. */
  readonly reversals: Map<string, Reversal>
  state: 'open' | 'committed' | 'refunded' | 'expired'
  reported: Amounts | undefined
  leaseUntil: number
  endedAt: number
}

export interface Reversal {
  readonly asked: Amounts | undefined
  readonly amounts: Amounts
  readonly returned: Amounts
}

export function createTombstone(id: string, now: number): ReservationModel {
  return { id, tombstone: true, amounts: {}, allocations: [], attempt: undefined, reversals: new Map(), state: 'refunded', reported: undefined, leaseUntil: 0, endedAt: now }
}

/** What is kept of each type that was asked for. */
export function sumKept({ amounts, allocations }: ReservationModel): Amounts {
  return mapAmounts(amounts, (_amount, type) => sum(allocations.filter((each) => each.type === type).map(({ kept }) => kept)))
}

export function sumReversible({ amounts, allocations }: ReservationModel): Amounts {
  return mapAmounts(amounts, (_amount, type) => sum(allocations.filter((each) => each.type === type).map(({ kept, reversed }) => kept - reversed)))
}

/** Amounts by type: a plain number names the one type that was reserved, and nothing where there were several. */
export function nameAmounts(given: Amounts | number, { amounts }: ReservationModel): Amounts | undefined {
  const [type, another] = Object.keys(amounts)
  if (typeof given !== 'number') return given
  return type === undefined || another !== undefined ? undefined : { [type]: given }
}

export function namesOnly(given: Amounts, { amounts }: ReservationModel): boolean {
  return Object.keys(given).every((type) => type in amounts)
}

export function exceeds(given: Amounts, limit: Amounts): boolean {
  return Object.entries(given).some(([type, amount]) => amount > (limit[type] ?? 0))
}

export function equalAmounts(one: Amounts | undefined, other: Amounts | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([type, amount]) => other[type] === amount)
}

export function mapAmounts(amounts: Amounts, change: (amount: number, type: string) => number): Amounts {
  return Object.fromEntries(Object.entries(amounts).map(([type, amount]) => [type, change(amount, type)]))
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
