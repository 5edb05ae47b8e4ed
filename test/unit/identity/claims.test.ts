import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { verifyAuth } from '@supabase/server/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { acceptClaims, type ClaimRules } from '../../../src/identity/claims.ts'
import { supabaseJwt } from '../../../src/identity/supabase-jwt.ts'
import { startAuthServer, type AuthServer } from '../../support/auth-server.ts'

const ISSUER = 'https://abcdefghijklmnopqrst.supabase.co/auth/v1'
const rules: ClaimRules = { issuer: ISSUER, clockToleranceSeconds: 5 }
const now = Math.floor(Date.now() / 1000)
const sub = randomUUID()
const good = { iss: ISSUER, aud: 'authenticated', role: 'authenticated', sub, exp: now + 3600, iat: now, session_id: randomUUID() }

describe('claims of a user', () => {
  it('are read, and neither changed nor frozen, whoever holds them', () => {
    const claims = { ...good, email: 'a@example.com' }
    const user = acceptClaims(claims, rules)
    expect(user).toEqual({ id: sub, anonymous: false, clientId: undefined, claims })
    expect([Object.isFrozen(user), Object.isFrozen(user?.claims), Object.isFrozen(claims), user?.claims === claims]).toEqual([true, true, false, false])
  })

  it.each<[string, object, object]>([
    ['an anonymous user', { is_anonymous: true }, { anonymous: true }],
    ['an OAuth client', { client_id: 'app-1' }, { clientId: 'app-1' }],
    ['an audience that is a list', { aud: ['other', 'authenticated'] }, { id: sub }],
    ['an upper-case sub', { sub: sub.toUpperCase() }, { id: sub }],
    ['an end that clocks may differ about', { exp: now - 2 }, { id: sub }],
    ['a beginning that clocks may differ about', { nbf: now + 2 }, { id: sub }],
  ])('are accepted with %s', (_case, claims, user) => {
    expect(acceptClaims({ ...good, ...claims }, rules)).toMatchObject(user)
  })

  it('are accepted from each of several issuers', () => {
    const both = { ...rules, issuer: ['https://old.example.com', ISSUER] }
    expect(acceptClaims(good, both)).toBeDefined()
    expect(acceptClaims({ ...good, iss: 'https://old.example.com' }, both)).toBeDefined()
    expect(acceptClaims({ ...good, iss: 'https://other.example.com' }, both)).toBeUndefined()
  })
})

describe('claims are refused', () => {
  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['null', null],
    ['a token', 'e30.e30.AAAA'],
    ['a list', [good]],
    ['a function', () => good],
    ['nothing', {}],
  ])('when they are %s', (_case, claims) => {
    expect(acceptClaims(claims, rules)).toBeUndefined()
  })

  it.each<[string, object]>([
    ['role service_role', { role: 'service_role' }],
    ['role anon', { role: 'anon' }],
    ['the shape of an ID token', { role: undefined, aud: 'client-id' }],
    ['another issuer', { iss: 'https://other.supabase.co/auth/v1' }],
    ['an issuer with a slash more', { iss: `${ISSUER}/` }],
    ['an issuer that is a list', { iss: [ISSUER] }],
    ['an audience that only contains the word', { aud: 'authenticated-not' }],
    ['a list of audiences without it', { aud: ['other'] }],
    ['a sub that is no UUID', { sub: 'user_2abc' }],
    ['a sub with more after the UUID', { sub: `${sub}\n` }],
    ['no end', { exp: undefined }],
    ['an end that is past', { exp: now - 6 }],
    ['an end that is text', { exp: String(now + 3600) }],
    ['an end at infinity', { exp: Infinity }],
    ['an end that is no number', { exp: NaN }],
    ['a beginning in the future', { nbf: now + 60 }],
    ['a beginning that is null', { nbf: null }],
    ['an iat that is text', { iat: String(now) }],
    ['is_anonymous that is text', { is_anonymous: 'true' }],
    ['is_anonymous that is null', { is_anonymous: null }],
    ['client_id that is null', { client_id: null }],
    ['a session_id that is a number', { session_id: 7 }],
  ])('with %s', (_case, claims) => {
    expect(acceptClaims({ ...good, ...claims }, rules)).toBeUndefined()
  })

  it('when they stand on a prototype', () => {
    expect(acceptClaims(Object.create(good), rules)).toBeUndefined()
    for (const name of ['iss', 'aud', 'role', 'sub', 'exp']) {
      const { [name]: inherited, ...own } = good as Record<string, unknown>
      expect(acceptClaims(Object.assign(Object.create({ [name]: inherited }) as object, own), rules)).toBeUndefined()
    }
  })

  it('whatever they are, unless all of them are right', () => {
    const wrong = fc.jsonValue().filter((value) => value !== 'authenticated')
    fc.assert(
      fc.property(fc.constantFrom('iss', 'aud', 'role', 'sub'), wrong, (name, value) => {
        expect(acceptClaims({ ...good, [name]: Array.isArray(value) ? value.filter((one) => one !== 'authenticated') : value }, rules)).toBeUndefined()
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('claims that @supabase/server has verified', () => {
  let auth: AuthServer
  beforeAll(async () => {
    auth = await startAuthServer()
  })
  afterAll(() => auth.close())

  async function verify(claims: Readonly<Record<string, unknown>> = {}) {
    const request = new Request(auth.url, { headers: { authorization: `Bearer ${await auth.signToken(claims)}` } })
    const { data, error } = await verifyAuth(request, { auth: 'user', env: { url: auth.url, jwks: auth.jwks } })
    if (error !== null) throw error
    return supabaseJwt({ url: auth.url }).accept(data.jwtClaims)
  }

  it('are accepted when they are those of a user of this project', async () => {
    expect(await verify({ sub })).toMatchObject({ outcome: 'verified', user: { id: sub, claims: { sub, role: 'authenticated' } } })
  })

  it.each<[string, Readonly<Record<string, unknown>>]>([
    ['role service_role', { role: 'service_role' }],
    ['role anon', { role: 'anon' }],
    ['another issuer', { iss: 'https://other.supabase.co/auth/v1' }],
    ['another audience', { aud: 'other' }],
    ['no audience', { aud: undefined }],
    ['a sub of another provider', { sub: 'user_2abc' }],
  ])('are refused with %s, which it lets through', async (_case, claims) => {
    expect(await verify(claims)).toEqual({ outcome: 'rejected' })
  })
})
