import { createHmac, randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { exportJWK, exportSPKI, generateKeyPair, importJWK, SignJWT, type CryptoKey, type JWK } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Identity } from '../../../src/identity/identity.ts'
import { supabaseJwt, type SupabaseJwtOptions } from '../../../src/identity/supabase-jwt.ts'
import { startAuthServer, type AuthServer } from '../../support/auth-server.ts'

/** Real tokens, hostile and not, against real keys served over HTTP. */

let auth: AuthServer
let attacker: { readonly privateKey: CryptoKey; readonly publicKey: CryptoKey }
beforeAll(async () => {
  auth = await startAuthServer()
  attacker = await generateKeyPair('ES256', { extractable: true })
})
afterEach(() => {
  auth.setMode('ok')
  vi.useRealTimers()
  vi.restoreAllMocks()
})
afterAll(() => auth.close())

const SECRET = 'a legacy secret, long enough for HS512 too: sixty-four characters or more'
const encode = (value: unknown): string => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const now = (): number => Math.floor(Date.now() / 1000)
const keyId = (): string => auth.jwks.keys[0]?.kid ?? ''

function userClaims(url = auth.url): Record<string, unknown> {
  return { iss: `${url}/auth/v1`, aud: 'authenticated', role: 'authenticated', sub: randomUUID(), exp: now() + 3600, iat: now() }
}

function signHs256(claims: Record<string, unknown>, secret: string, header: Record<string, unknown> = {}): string {
  const signed = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode(claims)}`
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`
}

/** Moves the clocks, both of them: the date, and the one that only runs forward. */
function createTimeMachine(): { travel(milliseconds: number, options?: { readonly asleep: boolean }): Promise<void> } {
  const runningClock = performance.now.bind(performance)
  let offset = 0
  vi.useFakeTimers({ toFake: ['Date'], shouldAdvanceTime: false, now: Date.now() })
  vi.spyOn(performance, 'now').mockImplementation(() => runningClock() + offset)
  return {
    async travel(milliseconds, { asleep } = { asleep: false }) {
      vi.setSystemTime(Date.now() + milliseconds)
      if (!asleep) offset += milliseconds
      await new Promise((resolve) => setTimeout(resolve, 5)) // the cache looks at its clock once a millisecond
    },
  }
}

describe('a token as Supabase Auth makes it', () => {
  it('is verified, and tells who the user is', async () => {
    const sub = randomUUID()
    const verification = await supabaseJwt({ url: auth.url }).verify(await auth.signToken({ sub, email: 'a@example.com' }))
    expect(verification).toMatchObject({ outcome: 'verified', user: { id: sub, anonymous: false, clientId: undefined, claims: { sub, email: 'a@example.com' } } })
    if (verification.outcome === 'verified') expect([verification.user, verification.user.claims].every(Object.isFrozen)).toBe(true)
  })

  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['an anonymous user', { is_anonymous: true }, { anonymous: true }],
    ['no word on anonymity', { is_anonymous: undefined }, { anonymous: false }],
    ['an OAuth client', { client_id: 'app-1' }, { clientId: 'app-1' }],
    ['an upper-case sub', { sub: '6F1AB1B6-8B0E-4BD5-9F7B-0C3A3A0F7B11' }, { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11' }],
    ['an audience that is a list', { aud: ['authenticated', 'other'] }, {}],
    ['claims of a hook', { app_metadata: { plan: 'pro' }, tenant: 7 }, {}],
    ['metadata in which the user claims to be someone else', { user_metadata: { sub: randomUUID(), role: 'service_role', is_anonymous: true } }, { anonymous: false }],
    ['an expiry that is a fraction', { exp: Date.now() / 1000 + 60.0005 }, {}],
  ])('is verified with %s', async (_case, claims, user) => {
    expect(await supabaseJwt({ url: auth.url }).verify(await auth.signToken(claims))).toMatchObject({ outcome: 'verified', user })
  })

  it('is verified when signed by RS256', async () => {
    const rsa = await startAuthServer({ alg: 'RS256' })
    try {
      expect(await supabaseJwt({ url: rsa.url }).verify(await rsa.signToken())).toMatchObject({ outcome: 'verified' })
    } finally {
      await rsa.close()
    }
  })

  it('is verified for a URL with a slash at its end', async () => {
    expect(await supabaseJwt({ url: `${auth.url}/` }).verify(await auth.signToken())).toMatchObject({ outcome: 'verified' })
  })

  it('is verified by the keys and the issuers that are given', async () => {
    const identity = supabaseJwt({ url: 'https://api.example.com', jwksUrl: auth.jwksUrl, issuer: ['https://old.example.com', 'https://api.example.com/auth/v1'] })
    expect(await identity.verify(await auth.signToken({ iss: 'https://api.example.com/auth/v1' }))).toMatchObject({ outcome: 'verified' })
    expect(await identity.verify(await auth.signToken({ iss: 'https://old.example.com' }))).toMatchObject({ outcome: 'verified' })
    expect(await identity.verify(await auth.signToken())).toEqual({ outcome: 'rejected' })
  })
})

describe('a token that is signed well but says the wrong thing is rejected:', () => {
  let identity: Identity
  beforeAll(() => {
    identity = supabaseJwt({ url: auth.url })
  })

  it.each<[string, Record<string, unknown>]>([
    ['no iss', { iss: undefined }],
    ['the iss of another project', { iss: 'https://other.supabase.co/auth/v1' }],
    ['an iss with a slash more', { iss: 'http://127.0.0.1/auth/v1/' }],
    ['the iss of the API keys', { iss: 'supabase' }],
    ['no aud', { aud: undefined }],
    ['another aud', { aud: 'anon' }],
    ['an aud that only contains the word', { aud: 'not-authenticated' }],
    ['an aud of a wrong type', { aud: { 0: 'authenticated' } }],
    ['an aud that is true', { aud: true }],
    ['a list of audiences without it', { aud: ['other', 'anon'] }],
    ['an empty list of audiences', { aud: [] }],
    ['no role', { role: undefined }],
    ['role anon', { role: 'anon' }],
    ['role service_role', { role: 'service_role' }],
    ['role in another case', { role: 'Authenticated' }],
    ['a role that is a list', { role: ['authenticated'] }],
    ['no sub', { sub: undefined }],
    ['an empty sub', { sub: '' }],
    ['a sub that is no UUID', { sub: 'user_2abc' }],
    ['a sub with more after the UUID', { sub: `${randomUUID()}\n` }],
    ['a sub that is a number', { sub: 42 }],
    ['no exp', { exp: undefined }],
    ['an exp long past', { exp: 1 }],
    ['an exp past by more than clocks may differ', { exp: Math.floor(Date.now() / 1000) - 10 }],
    ['an exp that is a string', { exp: String(Math.floor(Date.now() / 1000) + 3600) }],
    ['an exp that is null', { exp: null }],
    ['an nbf in the future', { nbf: Math.floor(Date.now() / 1000) + 600 }],
    ['an nbf that is a string', { nbf: '0' }],
    ['the shape of an ID token', { role: undefined, aud: 'client-id', nonce: 'abc' }],
    ['is_anonymous that is a string', { is_anonymous: 'false' }],
    ['is_anonymous that is null', { is_anonymous: null }],
    ['client_id that is an object', { client_id: {} }],
  ])('%s', async (_case, claims) => {
    expect(await identity.verify(await auth.signToken(claims))).toEqual({ outcome: 'rejected' })
  })

  it('lets clocks differ by 5 seconds, or by what the option says', async () => {
    const token = await auth.signToken({ exp: now() - 1 })
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    expect(await supabaseJwt({ url: auth.url, clockToleranceSeconds: 0 }).verify(token)).toEqual({ outcome: 'rejected' })
    expect(await supabaseJwt({ url: auth.url, clockToleranceSeconds: 60 }).verify(await auth.signToken({ exp: now() - 50 }))).toMatchObject({ outcome: 'verified' })
  })
})

describe('a token that is forged is rejected:', () => {
  let identity: Identity
  beforeAll(() => {
    identity = supabaseJwt({ url: auth.url })
  })

  it('alg none', async () => {
    const claims = encode(userClaims())
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await identity.verify(`${encode({ alg, typ: 'JWT' })}.${claims}.`)).toEqual({ outcome: 'rejected' })
      expect(await identity.verify(`${encode({ alg, typ: 'JWT' })}.${claims}.AAAA`)).toEqual({ outcome: 'rejected' })
    }
  })

  it('no alg at all', async () => {
    expect(await identity.verify(`${encode({ kid: keyId() })}.${encode(userClaims())}.AAAA`)).toEqual({ outcome: 'rejected' })
  })

  it('HS256 with the public key as its secret', async () => {
    const jwk = auth.jwks.keys[0] as JWK
    const pem = await exportSPKI((await importJWK(jwk, 'ES256', { extractable: true })) as CryptoKey)
    for (const secret of [pem, pem.trimEnd(), JSON.stringify(jwk), JSON.stringify(auth.jwks), jwk.x ?? '']) {
      expect(await identity.verify(signHs256(userClaims(), secret, { kid: jwk.kid }))).toEqual({ outcome: 'rejected' })
    }
  })

  it("another key under the real key's id", async () => {
    expect(await identity.verify(await auth.signToken({}, { key: attacker.privateKey }))).toEqual({ outcome: 'rejected' })
  })

  it('claims changed after signing', async () => {
    const [header, , signature] = (await auth.signToken()).split('.')
    expect(await identity.verify(`${header}.${encode(userClaims())}.${signature}`)).toEqual({ outcome: 'rejected' })
  })

  it('a signature that is cut, empty of meaning or too long', async () => {
    const [header, claims, signature = ''] = (await auth.signToken()).split('.')
    for (const wrong of [signature.slice(0, -4), 'AAAA', 'A'.repeat(86), signature + signature, encode(Buffer.alloc(64).toString('latin1'))]) {
      expect(await identity.verify(`${header}.${claims}.${wrong}`)).toEqual({ outcome: 'rejected' })
    }
  })

  it('an algorithm that the key is not for', async () => {
    const [, claims, signature] = (await auth.signToken()).split('.')
    for (const alg of ['RS256', 'PS256', 'ES384', 'EdDSA', 'HS256']) {
      expect(await identity.verify(`${encode({ alg, kid: keyId() })}.${claims}.${signature}`)).toEqual({ outcome: 'rejected' })
    }
  })

  it('a key of its own in the header, which is not even looked at', async () => {
    const foreign = await startAuthServer()
    try {
      const jwk = await exportJWK(attacker.publicKey)
      const headers = [{ jwk }, { jwk, kid: undefined }, { jku: foreign.jwksUrl }, { x5u: foreign.jwksUrl }, { x5c: [encode('certificate')] }, { jku: foreign.jwksUrl, kid: foreign.jwks.keys[0]?.kid }]
      for (const header of headers) {
        expect(await identity.verify(await auth.signToken({}, { header, key: attacker.privateKey }))).toEqual({ outcome: 'rejected' })
      }
      expect(foreign.requests).toBe(0)
    } finally {
      await foreign.close()
    }
  })

  it('critical header members that are not understood', async () => {
    const [, claims] = (await auth.signToken()).split('.')
    for (const header of [{ crit: ['exp'], exp: 1 }, { crit: ['b64'], b64: false }, { crit: [] }, { crit: 'exp' }]) {
      expect(await identity.verify(`${encode({ alg: 'ES256', kid: keyId(), ...header })}.${claims}.AAAA`)).toEqual({ outcome: 'rejected' })
    }
  })

  it('whatever stands in its header and claims', async () => {
    const header = fc.record(
      {
        alg: fc.constantFrom('ES256', 'RS256', 'HS256', 'none', 'ES512', '', 7, null),
        kid: fc.oneof(fc.constant(undefined), fc.constant(keyId()), fc.string(), fc.integer()),
        typ: fc.option(fc.string()),
        b64: fc.option(fc.boolean()),
        crit: fc.option(fc.array(fc.constantFrom('b64', 'exp', 'alg'))),
        zip: fc.option(fc.constant('DEF')),
      },
      { requiredKeys: [] },
    )
    const part = fc.oneof(header, fc.jsonValue(), fc.string()).map(encode)
    const claims = fc.oneof(fc.constant(userClaims()), fc.jsonValue(), fc.string()).map(encode)
    await fc.assert(
      fc.asyncProperty(part, claims, fc.base64String({ minLength: 4, maxLength: 100 }), async (first, second, third) => {
        expect(await identity.verify(`${first}.${second}.${third.replace(/[^A-Za-z0-9]/g, '')}`)).toEqual({ outcome: 'rejected' })
      }),
      { numRuns: 500 },
    )
  })
})

describe('what is no compact JWS is rejected before anything is parsed or fetched:', () => {
  it.each([
    ['nothing', ''],
    ['a blank', ' '],
    ['two parts', 'e30.e30'],
    ['four parts', 'e30.e30.e30.e30'],
    ['five parts, as an encrypted token has', 'e30.e30.e30.e30.e30'],
    ['an empty header', '.e30.AAAA'],
    ['an empty signature', 'e30.e30.'],
    ['padding', 'e30=.e30.AAAA'],
    ['the alphabet of plain base64', 'e3+/.e30.AAAA'],
    ['a line break at its end', 'e30.e30.AAAA\n'],
    ['a blank inside', 'e30. e30.AAAA'],
    ['a null character', 'e30.e30.AA\0AA'],
    ['a publishable key', 'sb_publishable_x'],
    ['a secret key', 'sb_secret_x'],
    ['a secret key with dots', 'sb_secret_x.y.z.w'],
    ['the JSON form of a JWS', JSON.stringify({ payload: 'e30', protected: 'e30', signature: 'AAAA' })],
  ])('%s', async (_case, token) => {
    const before = auth.requests
    expect(await supabaseJwt({ url: auth.url }).verify(token)).toEqual({ outcome: 'rejected' })
    expect(auth.requests).toBe(before)
  })

  it('a good token written in any other way', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const token = await auth.signToken()
    const [header, claims, signature = ''] = token.split('.')
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    for (const other of [`${token}\n`, ` ${token}`, `${token}=`, `${token}==`, `${header}.${claims}=.${signature}`, `${header}.${claims}.${signature.slice(0, 9)} ${signature.slice(9)}`, `${header}..${claims}.${signature}`]) {
      expect(await identity.verify(other)).toEqual({ outcome: 'rejected' })
    }
  })

  it('a good token whose last letter has other bits over than 0: no signature covers them', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const token = await auth.signToken()
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = letters.indexOf(token.at(-1) ?? '')
    for (let more = 1; more < 16; more += 1) {
      const other = `${token.slice(0, -1)}${letters[last + more] ?? ''}`
      expect(Buffer.from(other.split('.')[2] ?? '', 'base64url')).toEqual(Buffer.from(token.split('.')[2] ?? '', 'base64url'))
      expect(await identity.verify(other)).toEqual({ outcome: 'rejected' })
    }
  })

  it('more than 8 KiB, even when signed well', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const long = await auth.signToken({ pad: 'x'.repeat(5600) })
    const tooLong = await auth.signToken({ pad: 'x'.repeat(5900) })
    expect([long.length <= 8192, tooLong.length > 8192]).toEqual([true, true])
    expect(await identity.verify(long)).toMatchObject({ outcome: 'verified' })
    expect(await identity.verify(tooLong)).toEqual({ outcome: 'rejected' })
  })

  it('an unsupported algorithm, a legacy API key among them', async () => {
    const before = auth.requests
    const identity = supabaseJwt({ url: auth.url })
    const apiKey = { iss: 'supabase', ref: 'abcdefghijklmnopqrst', iat: now(), exp: now() + 315_360_000 }
    for (const role of ['anon', 'service_role']) {
      expect(await identity.verify(signHs256({ ...apiKey, role }, SECRET))).toEqual({ outcome: 'rejected' })
    }
    expect(auth.requests).toBe(before)
  })
})

describe('with the legacy secret', () => {
  const url = 'https://abcdefghijklmnopqrst.supabase.co'

  it('a token of that secret is verified, without a key id and without a request', async () => {
    const before = auth.requests
    expect(await supabaseJwt({ url: auth.url, secret: SECRET }).verify(signHs256(userClaims(), SECRET))).toMatchObject({ outcome: 'verified' })
    expect(auth.requests).toBe(before)
  })

  it('a token of another secret, of another algorithm or of the key set is rejected', async () => {
    const identity = supabaseJwt({ url: auth.url, secret: SECRET })
    const hs512 = await new SignJWT(userClaims()).setProtectedHeader({ alg: 'HS512' }).sign(new TextEncoder().encode(SECRET))
    for (const token of [signHs256(userClaims(), `${SECRET}!`), hs512, await auth.signToken()]) {
      expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
    }
  })

  it('a legacy API key is rejected, although it is signed by that very secret', async () => {
    const identity = supabaseJwt({ url, secret: SECRET, issuer: ['supabase', `${url}/auth/v1`] })
    const apiKey = { iss: 'supabase', ref: 'abcdefghijklmnopqrst', iat: now(), exp: now() + 315_360_000 }
    for (const role of ['anon', 'service_role', 'authenticated']) {
      expect(await identity.verify(signHs256({ ...apiKey, role }, SECRET))).toEqual({ outcome: 'rejected' })
    }
  })
})

describe('when the keys cannot be had, that is no fault of the token:', () => {
  beforeEach(() => {
    const timeout = AbortSignal.timeout.bind(AbortSignal)
    vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => timeout(milliseconds / 50)) // 5 s of waiting become 100 ms
  })

  it.each(['down', 'slow', 'garbage'] as const)('the key set is %s', async (mode) => {
    const identity = supabaseJwt({ url: auth.url })
    auth.setMode(mode)
    const clock = createTimeMachine()
    expect(await identity.verify(await auth.signToken())).toMatchObject({ outcome: 'unavailable' })
    auth.setMode('ok')
    await clock.travel(6_000)
    expect(await identity.verify(await auth.signToken())).toMatchObject({ outcome: 'verified' })
  })

  it('the key set is empty, as it is for a project that never had asymmetric keys', async () => {
    auth.setMode('empty')
    expect(await supabaseJwt({ url: auth.url }).verify(await auth.signToken())).toMatchObject({ outcome: 'unavailable' })
  })

  it('there is nothing at that address', async () => {
    const token = await auth.signToken()
    expect(await supabaseJwt({ url: auth.url, jwksUrl: `${auth.url}/nothing-here` }).verify(token)).toMatchObject({ outcome: 'unavailable' })
  })

  it('nor does the cause tell the token', async () => {
    const token = await auth.signToken()
    auth.setMode('down')
    const verification = await supabaseJwt({ url: auth.url }).verify(token)
    if (verification.outcome !== 'unavailable') expect.fail(verification.outcome)
    expect(verification.cause).toBeInstanceOf(Error)
    expect(String(verification.cause)).not.toContain(token.split('.')[1])
  })

  it('but a token that is wrong by itself is rejected then too', async () => {
    auth.setMode('down')
    const identity = supabaseJwt({ url: auth.url })
    expect(await identity.verify('e30.e30')).toEqual({ outcome: 'rejected' })
    expect(await identity.verify(signHs256(userClaims(), SECRET))).toEqual({ outcome: 'rejected' })
  })

  it('and whoever was verified before goes on being so', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const token = await auth.signToken()
    await identity.verify(token)
    auth.setMode('down')
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    expect(await identity.verify(await auth.signToken())).toMatchObject({ outcome: 'verified' })
  })

  it('keys older than 10 minutes are not used on', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const clock = createTimeMachine()
    await identity.verify(await auth.signToken())
    auth.setMode('down')
    await clock.travel(11 * 60_000)
    expect(await identity.verify(await auth.signToken())).toMatchObject({ outcome: 'unavailable' })
  })
})

describe('the key set', () => {
  it('is asked for once by callers that arrive together', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const before = auth.requests
    const tokens = await Promise.all(Array.from({ length: 20 }, () => auth.signToken()))
    const verifications = await Promise.all(tokens.map((token) => identity.verify(token)))
    expect(verifications.every(({ outcome }) => outcome === 'verified')).toBe(true)
    expect(auth.requests).toBe(before + 1)
  })

  it('is asked for at most once in 30 seconds, whatever key ids tokens name', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const clock = createTimeMachine()
    const before = auth.requests
    for (let minute = 0; minute < 3; minute += 1) {
      for (let index = 0; index < 20; index += 1) {
        const token = await auth.signToken({}, { header: { kid: `unknown-${minute}-${index}` }, key: attacker.privateKey })
        expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
      }
      await clock.travel(31_000)
    }
    expect(auth.requests).toBe(before + 3)
  })

  it('is asked for at most once in 30 seconds by unknown key ids also while it is down', async () => {
    const identity = supabaseJwt({ url: auth.url })
    const clock = createTimeMachine()
    await identity.verify(await auth.signToken())
    await clock.travel(31_000)
    auth.setMode('down')
    const before = auth.requests
    for (let index = 0; index < 20; index += 1) {
      await identity.verify(await auth.signToken({}, { header: { kid: `unknown-${index}` }, key: attacker.privateKey }))
    }
    expect(auth.requests - before).toBeLessThanOrEqual(1)
  })

  it('is asked for again after a rotation: the new key counts after 30 seconds, the old one no more', async () => {
    const project = await startAuthServer()
    try {
      const identity = supabaseJwt({ url: project.url })
      const clock = createTimeMachine()
      const old = [await project.signToken(), await project.signToken()] as const
      expect(await identity.verify(old[0])).toMatchObject({ outcome: 'verified' })

      await project.rotate()
      const fresh = await project.signToken()
      expect(await identity.verify(fresh)).toEqual({ outcome: 'rejected' })
      await clock.travel(31_000)
      expect(await identity.verify(fresh)).toMatchObject({ outcome: 'verified' })
      expect(await identity.verify(old[1])).toEqual({ outcome: 'rejected' })
      expect(project.requests).toBe(2)
    } finally {
      await project.close()
    }
  })
})

describe('what is remembered', () => {
  let project: AuthServer
  beforeEach(async () => {
    project = await startAuthServer()
  })
  afterEach(() => project.close())

  /** Replaces the keys, here and in the identity: from then on only memory vouches for tokens of before. */
  async function forgetKeys(identity: Identity, clock: ReturnType<typeof createTimeMachine>): Promise<void> {
    await project.rotate()
    await clock.travel(31_000)
    expect(await identity.verify(await project.signToken())).toMatchObject({ outcome: 'verified' })
  }

  it('is a verified token, for 5 minutes', async () => {
    const identity = supabaseJwt({ url: project.url })
    const clock = createTimeMachine()
    const token = await project.signToken()
    const first = await identity.verify(token)
    await forgetKeys(identity, clock)
    expect(await identity.verify(token)).toEqual(first)
    await clock.travel(4 * 60_000)
    expect(await identity.verify(token)).toEqual(first)
    await clock.travel(31_000)
    expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
  })

  it('is not the token beyond its own end', async () => {
    const identity = supabaseJwt({ url: project.url })
    const clock = createTimeMachine()
    const token = await project.signToken({ exp: now() + 60 })
    await identity.verify(token)
    await forgetKeys(identity, clock)
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    await clock.travel(30_000)
    expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
  })

  it('is not the token beyond its own end when the machine was asleep meanwhile', async () => {
    const identity = supabaseJwt({ url: project.url })
    const clock = createTimeMachine()
    const token = await project.signToken({ exp: now() + 60 })
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    await clock.travel(10 * 60_000, { asleep: true })
    expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
  })

  it('is not a token that was accepted only because clocks may differ', async () => {
    const identity = supabaseJwt({ url: project.url })
    const clock = createTimeMachine()
    const token = await project.signToken({ exp: now() - 1 })
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    await clock.travel(5_000)
    expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
  })

  it('is not pushed out by tokens that are rejected', async () => {
    const identity = supabaseJwt({ url: project.url, cacheSize: 2 })
    const clock = createTimeMachine()
    const token = await project.signToken()
    await identity.verify(token)
    for (let index = 0; index < 10; index += 1) {
      await identity.verify(await project.signToken({}, { key: attacker.privateKey }))
      await identity.verify(await project.signToken({ role: 'anon' }))
    }
    await forgetKeys(identity, clock)
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
  })

  it('does not stand in for a token that differs in its signature alone', async () => {
    const identity = supabaseJwt({ url: project.url })
    const token = await project.signToken()
    await identity.verify(token)
    const [header, claims, signature = ''] = token.split('.')
    expect(await identity.verify(`${header}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`)).toEqual({ outcome: 'rejected' })
  })

  it('is nothing when cacheSize is 0', async () => {
    const identity = supabaseJwt({ url: project.url, cacheSize: 0 })
    const clock = createTimeMachine()
    const token = await project.signToken()
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    await forgetKeys(identity, clock)
    expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
  })
})

describe('the options', () => {
  const url = 'https://abcdefghijklmnopqrst.supabase.co'

  it.each<[string, unknown, RegExp]>([
    ['none at all', undefined, /supabaseJwt/],
    ['no url', {}, /url/],
    ['a url that is none', { url: 'abcdefghijklmnopqrst' }, /url/],
    ['a url of another protocol', { url: 'postgres://127.0.0.1' }, /url/],
    ['a short secret', { url, secret: 'x'.repeat(31) }, /secret/],
    ['a secret that is no string', { url, secret: new Uint8Array(32) }, /secret/],
    ['an empty issuer', { url, issuer: '' }, /issuer/],
    ['an empty list of issuers', { url, issuer: [] }, /issuer/],
    ['a jwksUrl that is none', { url, jwksUrl: '/jwks.json' }, /jwksUrl/],
    ['a jwksUrl over http', { url, jwksUrl: 'http://example.com/jwks.json' }, /jwksUrl/],
    ['a jwksUrl over http on a host that only begins like a loopback address', { url, jwksUrl: 'http://127.0.0.1.example.com/jwks.json' }, /jwksUrl/],
    ['a url over http', { url: 'http://example.com' }, /\burl\b/],
    ['a negative tolerance', { url, clockToleranceSeconds: -1 }, /clockToleranceSeconds/],
    ['a tolerance of hours', { url, clockToleranceSeconds: 3600 }, /clockToleranceSeconds/],
    ['a tolerance that is no number', { url, clockToleranceSeconds: '5' }, /clockToleranceSeconds/],
    ['a cache size below 0', { url, cacheSize: -1 }, /cacheSize/],
    ['a cache size that is a fraction', { url, cacheSize: 1.5 }, /cacheSize/],
    ['an option that does not exist', { url, audience: 'authenticated' }, /audience/],
  ])('are refused at once, by name: %s', (_case, options, name) => {
    const create = () => supabaseJwt(options as SupabaseJwtOptions)
    expect(create).toThrow(TypeError)
    expect(create).toThrow(name)
  })

  it.each([`${url}/`, 'http://localhost:54321', 'http://127.0.0.1:54321', 'http://[::1]:54321'])('may name %s', (address) => {
    expect(() => supabaseJwt({ url: address })).not.toThrow()
  })

  it('may name a url over http where nothing is fetched from it', () => {
    expect(() => supabaseJwt({ url: 'http://kong:8000', secret: SECRET })).not.toThrow()
  })

  it('never show the secret when they are refused', () => {
    expect(() => supabaseJwt({ url, secret: 'hunter2' })).toThrow(expect.objectContaining({ message: expect.not.stringContaining('hunter2') as string }))
  })
})
