import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { sha256 } from '../sha256.ts'
import { parseOptions } from '../options.ts'
import { acceptClaims } from './claims.ts'
import type { Identity, User, Verification } from './identity.ts'
import { createRemoteKeys } from './remote-keys.ts'

const MAX_TOKEN_BYTES = 8192
/**
 * Bytes in the one way that base64url has for them: the bits that the last letter has over are 0. Decoders overlook those, and
 * no signature covers the signature, so that one good token would have sixteen spellings.
 */
const PART = String.raw`(?:[\w-]{4})*(?:[\w-]{4}|[\w-]{2}[AEIMQUYcgkosw048]|[\w-][AQgw])`
const COMPACT_JWS = new RegExp(String.raw`^${PART}\.${PART}\.${PART}$`)

const url = z.url({ protocol: /^https?$/, error: 'must be the URL of the project: https://<ref>.supabase.co' })
const supabaseJwtOptions = z
  .strictObject({
  url,
  secret: z.string().min(32, 'must be the whole legacy JWT secret, at least 32 characters').optional(),
  issuer: z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]).optional(),
  jwksUrl: url.optional(),
  clockToleranceSeconds: z.number().int().min(0).max(60).default(5),
  cacheSize: z.number().int().min(0).max(1_000_000).default(10_000),
})
  .superRefine(({ url, jwksUrl, secret }, context) => {
    if (secret !== undefined || isSafeToFetch(jwksUrl ?? url)) return
    context.addIssue({ code: 'custom', path: [jwksUrl === undefined ? 'url' : 'jwksUrl'], message: 'must be https: keys are fetched from it. http is for loopback addresses only' })
  })

export interface SupabaseJwtOptions {
  /** The project's URL: `https://<ref>.supabase.co`. */
  readonly url: string
  /**
   * The legacy shared secret, for projects that still sign with HS256. With it only HS256 is accepted; without it only
   * ES256 and RS256, by the project's JWKS. Never both: a public key must never be tried as a shared secret.
   */
  readonly secret?: string
  /** The exact `iss`, or the several that are accepted. Default `<url>/auth/v1`. */
  readonly issuer?: string | readonly string[]
  /** Default `<url>/auth/v1/.well-known/jwks.json`. https, or http on a loopback address. */
  readonly jwksUrl?: string
  /** How far clocks may differ, in seconds, 0 to 60. Default 5. */
  readonly clockToleranceSeconds?: number
  /** How many verified tokens are remembered, until they expire, 5 minutes at most. 0: none. Default 10000. */
  readonly cacheSize?: number
}

function isSafeToFetch(address: string): boolean {
  if (!URL.canParse(address)) return true // refused by name already
  const { protocol, hostname } = new URL(address)
  return protocol === 'https:' || ['localhost', '127.0.0.1', '[::1]'].includes(hostname)
}

const CACHED_MILLISECONDS = 5 * 60 * 1000

/**
 * Verifies the access tokens of Supabase Auth: signature, `iss`, `aud` and `role` "authenticated", `sub` a UUID, `exp`.
 * Keys are cached for 10 minutes and fetched again at most every 30 seconds, whatever key ids tokens name; while they
 * cannot be had, at most every 5 seconds.
 *
 * @throws TypeError naming the option that is wrong.
 * @see https://supabase.com/docs/guides/auth/jwts
 */
export function supabaseJwt(options: SupabaseJwtOptions): Required<Identity> {
  const parsed = parseOptions('supabaseJwt', supabaseJwtOptions, options)
  const base = parsed.url.replace(/\/+$/, '')
  const key = parsed.secret === undefined ? createRemoteKeys(parsed.jwksUrl ?? `${base}/auth/v1/.well-known/jwks.json`) : createSharedKey(parsed.secret)
  const algorithms = parsed.secret === undefined ? ['ES256', 'RS256'] : ['HS256']
  const rules = { issuer: parsed.issuer ?? `${base}/auth/v1`, clockToleranceSeconds: parsed.clockToleranceSeconds }
  const verified =
    parsed.cacheSize === 0 ? undefined : new LRUCache<string, { readonly user: User; readonly until: number }>({ max: parsed.cacheSize })

  return Object.freeze({
    async verify(token: string): Promise<Verification> {
      if (token.length > MAX_TOKEN_BYTES || !COMPACT_JWS.test(token)) return { outcome: 'rejected' }
      // Only its digest is kept: a heap dump of the cache holds no token that works.
      const digest = await createCacheKey(token)
      const known = verified?.get(digest)
      // By the wall clock: the cache's own, which is monotonic, stands still while a machine sleeps.
      if (known !== undefined && Date.now() < known.until) return { outcome: 'verified', user: known.user }

      let payload: JWTPayload
      try {
        // The signature and the form. jose looks at exp and nbf too, by whatever clock tolerance it is told.
        payload = (await jwtVerify(token, key, { algorithms, clockTolerance: parsed.clockToleranceSeconds })).payload
      } catch (cause) {
        return isTokensFault(cause) ? { outcome: 'rejected' } : { outcome: 'unavailable', cause }
      }
      const user = acceptClaims(payload, rules)
      if (user === undefined) return { outcome: 'rejected' }

      // Only what verified is remembered, so that forged tokens cannot push good ones out.
      verified?.set(digest, { user, until: Math.min(Date.now() + CACHED_MILLISECONDS, Number(payload.exp) * 1000) })
      return { outcome: 'verified', user }
    },
    accept(claims: unknown): Verification {
      const user = acceptClaims(claims, rules)
      return user === undefined ? { outcome: 'rejected' } : { outcome: 'verified', user }
    },
  })
}

/** Whether verification failed because of the token, and not because the keys could not be had. */
function isTokensFault(cause: unknown): boolean {
  return (
    cause instanceof errors.JWTClaimValidationFailed ||
    cause instanceof errors.JWTExpired ||
    cause instanceof errors.JWTInvalid ||
    cause instanceof errors.JWSInvalid ||
    cause instanceof errors.JWSSignatureVerificationFailed ||
    cause instanceof errors.JOSEAlgNotAllowed ||
    cause instanceof errors.JOSENotSupported ||
    cause instanceof errors.JWKSNoMatchingKey ||
    cause instanceof errors.JWKSMultipleMatchingKeys
  )
}

function createSharedKey(secret: string): JWTVerifyGetKey {
  const bytes = new TextEncoder().encode(secret)
  return () => Promise.resolve(bytes)
}

const encoder = new TextEncoder()

async function createCacheKey(token: string): Promise<string> {
  return String.fromCharCode(...(await sha256(encoder.encode(token))))
}
