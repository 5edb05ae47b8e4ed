import type { Amounts, Idempotency, StoredAnswer } from 'creditgate'

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
  /** What its reserve asked for. */
  readonly asked: Amounts
  /** What is reserved: less where less would do, more where a commit drew more. */
  amounts: Amounts
  /** In the order drawn, one for each row and cycle. */
  allocations: readonly AllocationModel[]
  readonly attempt: Idempotency | undefined
  /** Reversals by their key. */
  readonly reversals: Map<string, Reversal>
  state: 'open' | 'committed' | 'refunded' | 'expired'
  reported: Amounts | undefined
  leaseUntil: number
  endedAt: number
  /** Kept with the commit, since a moment. */
  response: { readonly answer: StoredAnswer; readonly storedAt: number } | undefined
}

export interface Reversal {
  readonly asked: Amounts | undefined
  readonly amounts: Amounts
  readonly returned: Amounts
}

export function createTombstone(id: string, now: number): ReservationModel {
  return { id, tombstone: true, asked: {}, amounts: {}, allocations: [], attempt: undefined, reversals: new Map(), state: 'refunded', reported: undefined, leaseUntil: 0, endedAt: now, response: undefined }
}

/** What was drawn in addition, in the order drawn: of a row and cycle that something was drawn from before, it is one allocation. */
export function addAllocations(before: readonly AllocationModel[], added: readonly AllocationModel[]): readonly AllocationModel[] {
  const isOf = (one: AllocationModel) => (other: AllocationModel) => one.row === other.row && one.cycle === other.cycle
  const grown = before.map((each) => {
    const more = added.find(isOf(each))
    return more === undefined ? each : { ...each, held: each.held + more.held, kept: each.kept + more.kept }
  })
  return [...grown, ...added.filter((each) => !before.some(isOf(each)))]
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
