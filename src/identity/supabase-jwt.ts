import { errors, jwtVerify, type JWTPayload, type JWTVerifyGetKey } from 'jose'
import { LRUCache } from 'lru-cache'
import { z } from 'zod'
import { sha256 } from '../sha256.ts'
import { parseOptions, whole } from '../options.ts'
import { encodeUtf8 } from '../utf8.ts'
import { acceptClaims } from './claims.ts'
import type { Identity, Verification } from './identity.ts'
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
  clockToleranceSeconds: whole(0, 60).default(5),
  cacheSize: whole(0, 1_000_000).default(10_000),
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
  const { clockToleranceSeconds } = parsed
  const rules = { issuer: parsed.issuer ?? `${base}/auth/v1`, clockToleranceSeconds }
  const secret = parsed.secret === undefined ? undefined : encodeUtf8(parsed.secret)
  const [algorithms, key]: [string[], JWTVerifyGetKey] =
    secret === undefined ? [['ES256', 'RS256'], createRemoteKeys(parsed.jwksUrl ?? `${base}/auth/v1/.well-known/jwks.json`)] : [['HS256'], () => secret]
  const remembered = parsed.cacheSize === 0 ? undefined : new LRUCache<string, { readonly verification: Verification; readonly until: number }>({ max: parsed.cacheSize })

  function accept(claims: unknown): Verification {
    const user = acceptClaims(claims, rules)
    return user === undefined ? { outcome: 'rejected' } : { outcome: 'verified', user }
  }

  async function verify(token: string): Promise<Verification> {
    if (token.length > MAX_TOKEN_BYTES || !COMPACT_JWS.test(token)) return { outcome: 'rejected' }
    // Only its digest is kept: a heap dump of the cache holds no token that works.
    const digest = await createCacheKey(token)
    const known = remembered?.get(digest)
    // By the wall clock: the cache's own, which is monotonic, stands still while a machine sleeps.
    if (known !== undefined && Date.now() < known.until) return known.verification

    let payload: JWTPayload
    try {
      // The signature and the form. jose looks at exp and nbf too, by whatever clock tolerance it is told.
      payload = (await jwtVerify(token, key, { algorithms, clockTolerance: clockToleranceSeconds })).payload
    } catch (cause) {
      // What jose says is of the token: a key set that cannot be had is no error of its own any more.
      return cause instanceof errors.JOSEError ? { outcome: 'rejected' } : { outcome: 'unavailable', cause }
    }
    const verification = accept(payload)
    // Only what verified is remembered, so that forged tokens cannot push good ones out.
    if (verification.outcome === 'verified') remembered?.set(digest, { verification, until: Math.min(Date.now() + CACHED_MILLISECONDS, Number(payload.exp) * 1000) })
    return verification
  }

  return Object.freeze({ verify, accept })
}

async function createCacheKey(token: string): Promise<string> {
  return String.fromCharCode(...(await sha256(encodeUtf8(token))))
}
