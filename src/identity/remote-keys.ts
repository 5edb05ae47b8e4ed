import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose'
import { createKeySetFetch, KeysUnavailable } from './fetch-key-set.ts'

/**
 * The keys of a JWKS endpoint, cached for 10 minutes; a key id that is not among them causes a fetch at most every 30
 * seconds, and while fetches fail at most every 5.
 *
 * Rejects with `KeysUnavailable` when the set is at fault, and with an error of jose's when the token is.
 */
export function createRemoteKeys(jwksUrl: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(jwksUrl), { [customFetch]: createKeySetFetch() })

  return async (header, token) => {
    try {
      return await remote(header, token)
    } catch (error) {
      if (error instanceof KeysUnavailable || isTokensFault(error, header.kid)) throw error
      // One bad key in a good set: no reason to fetch less, or tokens that name it would delay the next rotation.
      throw new KeysUnavailable(jwksUrl, (error as Error).message, error)
    }
  }
}

/** Several keys match a token that names none; where it names one, the set has two of that name. */
function isTokensFault(error: unknown, kid: unknown): boolean {
  return error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JOSENotSupported || (error instanceof errors.JWKSMultipleMatchingKeys && kid === undefined)
}
