import type { Balance } from './ledger/ledger.ts'

/**
 * What an admitted response tells the client, as Structured Field dictionaries (RFC 9651) with a member for each credit
 * type. Their keys are lower case, so that `skipTrace` is `skip-trace` there. Unlimited and never are left out.
 *
 * - `Credits-Reservation: ai="0198f6b4-..."`
 * - `Credits-Remaining: ai=97`
 * - `Credits-Reset: ai=86400`, in seconds
 */
export function createCreditsHeaders(id: string | undefined, balances: Readonly<Record<string, Balance>>): Readonly<Record<string, string>> {
  const [reservation, remainders, resets]: [string[], string[], string[]] = [[], [], []]
  for (const [type, { remaining, resetsIn }] of Object.entries(balances)) {
    const key = createKey(type)
    if (id !== undefined) reservation.push(`${key}="${id}"`)
    if (remaining !== null) remainders.push(`${key}=${remaining}`)
    if (resetsIn !== null) resets.push(`${key}=${Math.max(0, resetsIn)}`)
  }
  const headers: Record<string, string> = {}
  if (reservation.length > 0) headers['Credits-Reservation'] = reservation.join(', ')
  if (remainders.length > 0) headers['Credits-Remaining'] = remainders.join(', ')
  if (resets.length > 0) headers['Credits-Reset'] = resets.join(', ')
  headers['Access-Control-Expose-Headers'] = Object.keys(headers).join(', ')
  return headers
}

function createKey(type: string): string {
  return type.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}
