import { LARGEST_AMOUNT } from './credit-row.ts'

/** What is wrong with a request, in the words of the database; undefined: nothing. What callers hand over may be anything. */

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function isUuid(value: unknown): boolean {
  return typeof value === 'string' && UUID.test(value)
}

export function isAmounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const amounts: unknown[] = Object.values(value)
  return amounts.length > 0 && amounts.every((amount) => isWithin(amount, 0, LARGEST_AMOUNT))
}

function isWithin(value: unknown, least: number, most: number): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

function isResponse(value: unknown): boolean {
  const { status, headers, body } = (value ?? {}) as Fields
  if (!/^[1-5][0-9]{2}$/.test(String(status)) || typeof headers !== 'object' || headers === null || Array.isArray(headers)) return false
  return Object.values(headers).every((header) => typeof header === 'string') && typeof body === 'string' && BASE64.test(body)
}

const isKey = (value: unknown): boolean => typeof value === 'string' && value.length >= 1 && value.length <= 200

const AMOUNTS = 'must give a whole number of 0 to 2147483647 for each credit type'

export const REASONS = {
  amounts: `amounts ${AMOUNTS}`,
  reported: `reported ${AMOUNTS}`,
  least: `least ${AMOUNTS}`,
  response: 'response must give a status, headers and a body in base64',
  namesEach: 'amounts must name the credit types that were reserved, each of them',
  amountsNames: 'amounts names a credit type that was not reserved',
  reportedNames: 'reported names a credit type that was not reserved',
} as const

type Fields = Readonly<Record<string, unknown>>

/** Of a call about a reservation: its id, its user where it names one, and what else is asked for. */
export function refuseCall(request: object, needs: { readonly lease?: true; readonly key?: true; readonly user?: true } = {}): string | undefined {
  const { id, user, lease, key } = request as Fields
  if (!isUuid(id)) return 'id must be a UUID'
  if ((needs.user === true || user !== undefined) && !isUuid(user)) return 'user must be a UUID'
  if (needs.lease === true && !isWithin(lease, 1, 900)) return 'lease must be 1 to 900 whole seconds'
  if (needs.key === true && !isKey(key)) return 'key must be a string of 1 to 200 characters'
  return undefined
}

export function refuseReserve(request: object, creditTypes: readonly string[]): string | undefined {
  const { amounts, idempotency, least, session } = request as Fields
  const refused = refuseCall(request, { user: true, lease: true })
  if (refused !== undefined) return refused
  if (!isAmounts(amounts)) return REASONS.amounts
  const unknown = Object.keys(amounts as object).find((type) => !creditTypes.includes(type))
  if (unknown !== undefined) return `there is no credit type "${unknown}"`
  const { key, fingerprint } = (idempotency ?? {}) as Fields
  if (idempotency !== undefined && !(isKey(key) && isKey(fingerprint))) return 'idempotency must give a key and a fingerprint of 1 to 200 characters'
  if (least !== undefined && !isAmounts(least)) return REASONS.least
  return session === undefined || isUuid(session) ? undefined : 'session must be a UUID'
}

export function refuseCommit(request: object): string | undefined {
  const { id, response } = request as Fields
  // In the order in which the database looks at them.
  return isUuid(id) && response !== undefined && !isResponse(response) ? REASONS.response : refuseCall(request)
}

export function refuseReset(request: object, creditTypes: readonly string[]): string | undefined {
  const { subscription, creditType, key } = request as Fields
  if (!isUuid(subscription)) return 'subscription must be a UUID'
  if (!isKey(key)) return 'key must be a string of 1 to 200 characters'
  return creditTypes.includes(creditType as string) ? undefined : `there is no credit type "${String(creditType)}"`
}

/** Of a bounded step. */
export function refuseStep(request: object): string | undefined {
  const { most, olderThanDays } = request as Fields
  if (most !== undefined && !isWithin(most, 1, 1000)) return 'most must be a whole number of 1 to 1000'
  if (olderThanDays !== undefined && !isWithin(olderThanDays, 1, 3650)) return 'olderThanDays must be a whole number of 1 to 3650'
  return undefined
}
