import type { Amounts } from './ledger/ledger.ts'

/** So many credits of each of these types. */
export function createAmounts(types: readonly string[], count: (type: string) => number): Amounts {
  return Object.fromEntries(types.map((type) => [type, count(type)]))
}

/** Whether there is more of any type than `most` says. */
export function exceeds(given: Amounts, most: Amounts): boolean {
  return Object.keys(given).some((type) => (given[type] ?? 0) > (most[type] ?? 0))
}
