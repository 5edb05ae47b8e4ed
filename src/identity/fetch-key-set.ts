import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import { readBounded } from './read-bounded.ts'

const PAUSE_AFTER_FAILURE_MILLISECONDS = 5_000
const MAX_KEY_SET_BYTES = 1_048_576

/** The key set cannot be had, or cannot be used: whether a token is good cannot be said. */
export class KeysUnavailable extends Error {
  override readonly name = 'KeysUnavailable'
  readonly code = 'keys-unavailable'

  constructor(url: string, reason: string, cause: unknown) {
    super(`creditgate: the key set at ${url} cannot be used: ${reason}`, { cause })
  }
}

/** As jose calls it. Two overloads of the platform's own are of no use here. */
export type FetchKeySet = (url: string, options: { readonly headers: Headers; readonly method: 'GET'; readonly redirect: 'manual'; readonly signal: AbortSignal }) => Promise<Response>

/**
 * Fetches a key set: at most 1 MiB, no redirect followed, at least one public key in it. After a failure there is no request for 5
 * seconds, and each call in between fails as the last one did: jose pauses only after a fetch that succeeded, so that while
 * the endpoint is down each request would ask it again.
 *
 * The fetch rejects with `KeysUnavailable` and nothing else.
 */
export function createKeySetFetch(): FetchKeySet {
  let failure: { readonly error: KeysUnavailable; readonly at: number } | undefined

  return async (url, options) => {
    if (failure !== undefined && isWithin(PAUSE_AFTER_FAILURE_MILLISECONDS, failure.at)) throw failure.error
    try {
      const response = await fetch(url, options)
      if (response.status !== 200) {
        await response.body?.cancel()
        throw new Error(`its answer was ${response.status}`)
      }
      const text = await readBounded(response, MAX_KEY_SET_BYTES)
      if (text === undefined) throw new Error(`it is larger than ${MAX_KEY_SET_BYTES} bytes`)
      const set = JSON.parse(text) as JSONWebKeySet
      createLocalJWKSet(set) // throws for what is no key set: jose would find out when this fetch has succeeded
      if (!set.keys.some(({ kty }) => kty === 'EC' || kty === 'RSA')) throw new Error('it holds no public key: does the project sign with a shared secret?')
      return new Response(text)
    } catch (cause) {
      const reason = options.signal.aborted ? 'it did not answer in time' : (cause as Error).message
      const error = new KeysUnavailable(url, reason, cause)
      failure = { error, at: Date.now() }
      throw error
    }
  }
}

/** A clock that was set back must not make the pause longer. */
function isWithin(milliseconds: number, since: number): boolean {
  const elapsed = Date.now() - since
  return elapsed >= 0 && elapsed < milliseconds
}
