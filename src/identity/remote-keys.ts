import { createLocalJWKSet, createRemoteJWKSet, errors, type JWTVerifyGetKey } from 'jose'

const PAUSE_AFTER_FAILURE_MILLISECONDS = 5_000

/** The key set could not be had, or holds no key at all: whether a token is good cannot be said. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
}

/**
 * The keys of a JWKS endpoint, cached for 10 minutes; a key id that is not among them causes a fetch at most every 30
 * seconds. After a failed fetch there is none for 5 seconds: jose pauses only after one that succeeded, so that while the
 * endpoint is down each request would ask it again.
 */
export function createRemoteKeys(jwksUrl: string): JWTVerifyGetKey {
  const remote = createRemoteJWKSet(new URL(jwksUrl))
  let failure: KeysUnavailable | undefined
  let pausedUntil = 0

  return async (header, token) => {
    const cached = remote.fresh ? remote.jwks() : undefined
    if (failure !== undefined && Date.now() < pausedUntil) {
      if (cached === undefined || cached.keys.length === 0) throw failure
      return createLocalJWKSet(cached)(header, token)
    }
    try {
      return await remote(header, token)
    } catch (error) {
      if (error instanceof errors.JWKSNoMatchingKey && remote.jwks()?.keys.length !== 0) throw error
      if (error instanceof errors.JWKSMultipleMatchingKeys || error instanceof errors.JOSENotSupported) throw error
      const reason = error instanceof errors.JWKSNoMatchingKey ? 'it holds no key: does the project sign with a shared secret?' : (error as Error).message
      failure = new KeysUnavailable(`creditgate: the key set at ${jwksUrl} cannot be used: ${reason}`, { cause: error })
      pausedUntil = Date.now() + PAUSE_AFTER_FAILURE_MILLISECONDS
      throw failure
    }
  }
}
