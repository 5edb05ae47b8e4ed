import type { Balance } from './ledger/ledger.ts'

/**
 * What an admitted response tells the client, as Structured Field dictionaries (RFC 9651) with a member for each credit
 * type. Their keys are lower case, so that `skipTrace` is `skip-trace` there. Unlimited and never are left out.
 *
 * - `Credits-Reservation: ai="0198f6b4-..."`
 * - `Credits-Remaining: ai=97`
 * - `Credits-Reset: ai=86400`, in seconds
 */
export function createCreditsHeaders(id: string, balances: Readonly<Record<string, Balance>>): Readonly<Record<string, string>> {
  const members = Object.entries(balances).map(([type, balance]) => ({ key: type.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), ...balance }))
  const headers = {
    'Credits-Reservation': members.map(({ key }) => `${key}="${id}"`).join(', '),
    'Credits-Remaining': members.flatMap(({ key, remaining }) => (remaining === null ? [] : [`${key}=${remaining}`])).join(', '),
    'Credits-Reset': members.flatMap(({ key, resetsIn }) => (resetsIn === null ? [] : [`${key}=${Math.max(0, resetsIn)}`])).join(', '),
  }
  const present = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== ''))
  return { ...present, 'Access-Control-Expose-Headers': Object.keys(present).join(', ') }
}
