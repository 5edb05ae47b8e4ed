import type { User } from './identity.ts'

export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export interface ClaimRules {
  /** The exact `iss`, or the several that are accepted. */
  readonly issuer: string | readonly string[]
  /** How far clocks may differ, in seconds. */
  readonly clockToleranceSeconds: number
}

/**
 * Reads the user out of claims whose signature is verified already, and holds them to the same rules wherever they come from: `iss`
 * exactly, `aud` has "authenticated", `role` is "authenticated", `sub` a UUID, `exp` not passed, `nbf` not to come. An ID
 * token and an API key are signed by the same key as an access token: only these rules tell them apart.
 *
 * Own members alone count, and the object is left as it is.
 *
 * @returns undefined for claims that are not a user's.
 */
export function acceptClaims(claims: unknown, { issuer, clockToleranceSeconds }: ClaimRules): User | undefined {
  if (typeof claims !== 'object' || claims === null || Array.isArray(claims)) return undefined
  const own: User['claims'] = Object.freeze({ ...claims })
  const { iss, aud, role, sub, exp, nbf, iat, client_id: clientId, session_id: session, is_anonymous: anonymous = false }: User['claims'] = { __proto__: null, ...own }

  if (typeof iss !== 'string' || ![issuer].flat().includes(iss)) return undefined
  if (aud !== 'authenticated' && !(Array.isArray(aud) && aud.includes('authenticated'))) return undefined
  if (role !== 'authenticated' || typeof sub !== 'string' || !UUID.test(sub)) return undefined
  if (!isCurrent({ exp, nbf, iat }, clockToleranceSeconds) || typeof anonymous !== 'boolean') return undefined
  if (![clientId, session].every((id) => id === undefined || typeof id === 'string')) return undefined
  return Object.freeze({ id: sub.toLowerCase(), anonymous, clientId: clientId as string | undefined, claims: own })
}

/** In seconds since 1970. */
function isCurrent({ exp, nbf = 0, iat = 0 }: Readonly<Record<string, unknown>>, toleranceSeconds: number): boolean {
  if (![exp, nbf, iat].every(Number.isFinite)) return false
  const now = Math.floor(Date.now() / 1000)
  return (exp as number) > now - toleranceSeconds && (nbf as number) <= now + toleranceSeconds
}
