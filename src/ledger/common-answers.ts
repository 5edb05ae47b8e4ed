import type { Amounts, Balance, CommitAnswer, ReserveAnswer } from './ledger.ts'

/**
 * Reads the two answers that nearly all calls get, by hand: a schema takes many times as long, and arrays hold hundreds.
 * The schemas remain the truth: what is not exactly of the common shape, as JSON brings it, is left to them.
 *
 * @returns undefined: ask the schema.
 */
export function readReserved(raw: unknown): ReserveAnswer | undefined {
  if (!isRecord(raw) || raw['outcome'] !== 'reserved' || countKeys(raw) !== 5) return undefined
  const { id, subscription, amounts, balances } = raw
  return typeof id === 'string' && typeof subscription === 'string' && isAmounts(amounts) && isBalances(balances) ? { id, outcome: 'reserved', subscription, amounts, balances } : undefined
}

/** @returns undefined: ask the schema. */
export function readCommitted(raw: unknown): CommitAnswer | undefined {
  if (!isRecord(raw) || raw['outcome'] !== 'committed' || countKeys(raw) !== 3) return undefined
  const { id, amounts } = raw
  return typeof id === 'string' && isAmounts(amounts) ? { id, outcome: 'committed', amounts } : undefined
}

function isAmounts(value: unknown): value is Amounts {
  if (!isRecord(value)) return false
  for (const type of Object.keys(value)) {
    const amount = value[type]
    if (type === '__proto__' || !Number.isSafeInteger(amount) || (amount as number) < 0) return false
  }
  return true
}

function isBalances(value: unknown): value is Record<string, Balance> {
  if (!isRecord(value)) return false
  for (const type of Object.keys(value)) {
    const balance = value[type]
    if (type === '__proto__' || !isRecord(balance) || countKeys(balance) !== 3) return false
    const { remaining, resetsIn, resetsAt } = balance
    if (!isIntegerOrNull(remaining) || !isIntegerOrNull(resetsIn) || (resetsAt !== null && typeof resetsAt !== 'string')) return false
  }
  return true
}

function isIntegerOrNull(value: unknown): boolean {
  return value === null || Number.isSafeInteger(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
}

function countKeys(value: object): number {
  return Object.keys(value).length
}
