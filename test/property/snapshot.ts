/** What is left at the end of a run, in the words in which the database tells it; each list in the order of its ids. */
export interface Snapshot {
  readonly rows: readonly RowSnapshot[]
  readonly reservations: readonly ReservationSnapshot[]
  /** Of which reservations a response is kept, in order. */
  readonly responses: readonly string[]
  readonly violations: readonly ViolationSnapshot[]
}

export interface RowSnapshot {
  readonly id: string
  readonly used: number
  readonly cycle: number
  readonly resetDays: number | null
  /** How long the cycle has been running, in seconds on the grid of the model. */
  readonly age: number
}

export interface ReservationSnapshot {
  readonly id: string
  readonly state: string
  readonly asked: Readonly<Record<string, number>>
  readonly amounts: Readonly<Record<string, number>>
  readonly reported: Readonly<Record<string, number>> | null
  readonly allocations: readonly { readonly row: string; readonly cycle: number; readonly held: number; readonly kept: number }[]
}

export interface ViolationSnapshot {
  readonly id: string
  readonly kind: string
  /** What another writer added to the row's used; negative: took away. */
  readonly difference: number
}

export function compareById(one: { readonly id: string }, other: { readonly id: string }): number {
  return one.id < other.id ? -1 : one.id > other.id ? 1 : 0
}
