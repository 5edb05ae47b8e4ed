import fc from 'fast-check'
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isAmount } from '../../src/amount.ts'
import { readIdempotency } from '../../src/idempotency.ts'
import { readBearerToken } from '../../src/identity/bearer.ts'
import { parsePrice } from '../../src/price.ts'
import { acceptClaims } from '../../src/identity/claims.ts'
import { supabaseJwt } from '../../src/identity/supabase-jwt.ts'
import { allowSeconds, createRuns } from '../property/runs.ts'
import { bytes, bytesAround, bytesOf } from './byte-arbitraries.ts'
import { expectQuick } from './expect-quick.ts'

/** What clients and routes hand over, on any bytes: the answer that is documented, or the error that is, and in no time. */

const MANY = { ci: 100_000, long: 2_500_000 }
/** Of what is made of many values, and takes its time to make. */
const SOME = { ci: 100_000, long: 500_000 }
const TIME = allowSeconds(10)

describe('a bearer token', () => {
  /** By hand, letter for letter: RFC 6750, section 2.1, within the blanks of RFC 9110, section 5.5. */
  function readByHand(header: string): string | undefined {
    const letters = header.split('')
    while (letters[0] === ' ' || letters[0] === '\t') letters.shift()
    while (letters.at(-1) === ' ' || letters.at(-1) === '\t') letters.pop()
    const scheme = letters.splice(0, 6).join('')
    let blanks = 0
    while (letters[0] === ' ') blanks += letters.splice(0, 1).length
    const padding = letters.findIndex((letter) => letter === '=')
    const [name, end] = padding === -1 ? [letters, []] : [letters.slice(0, padding), letters.slice(padding)]
    const isGood = scheme.toLowerCase() === 'bearer' && blanks > 0 && name.length > 0 && name.every((letter) => '-._~+/'.includes(letter) || (letter < '\x7f' && /[A-Za-z0-9]/.test(letter))) && end.every((letter) => letter === '=')
    return isGood ? letters.join('') : undefined
  }

  it('is read out of a header as by hand, or is none', { timeout: TIME }, () => {
    fc.assert(
      fc.property(bytesAround('Bearer', 'bearer', ' ', '  ', '\t', 'abc', 'e30.e30.AAAA', '=', '.', ',', 'Basic', '\r\n'), (header) => {
        const answer = expectQuick(() => readBearerToken(header))
        const token = readByHand(header)
        if (token === undefined) expect(['absent', 'malformed']).toContain(answer.outcome)
        else expect(answer).toEqual({ outcome: 'token', token })
      }),
      createRuns('bearer tokens', MANY),
    )
  })
})

describe('a compact token', () => {
  const url = 'https://abcdefghijklmnopqrst.supabase.co'
  const identity = supabaseJwt({ url, secret: randomBytes(32).toString('hex') })
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const good = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ iss: `${url}/auth/v1`, aud: 'authenticated', role: 'authenticated' })}.${'A'.repeat(42)}A`

  it('is rejected, whatever its bytes', { timeout: TIME }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(bytesAround('e30', '.', '..', 'eyJhbGciOiJIUzI1NiJ9', 'AAAA', '=', '\n'), bytesOf(fc.constant(good))), async (token) => {
        expect(await identity.verify(token)).toEqual({ outcome: 'rejected' })
      }),
      createRuns('compact tokens', MANY),
    )
  })

  it('is rejected, whatever its parts hold', { timeout: TIME }, async () => {
    const held = fc.oneof(fc.jsonValue(), bytes(), fc.record({ alg: fc.constantFrom('HS256', 'none', 'ES256', '', null), crit: fc.jsonValue(), b64: fc.jsonValue(), kid: fc.jsonValue() }, { requiredKeys: ['alg'] }))
    const encoded = held.map((value) => (typeof value === 'string' ? Buffer.from(value, 'latin1').toString('base64url') : part(value)))
    await fc.assert(
      fc.asyncProperty(encoded, encoded, fc.uint8Array({ maxLength: 70 }), async (header, claims, signature) => {
        expect(await identity.verify(`${header}.${claims}.${Buffer.from(signature).toString('base64url')}`)).toEqual({ outcome: 'rejected' })
      }),
      createRuns('parts of tokens', SOME),
    )
  })

  it('has claims of a user, or of nobody', { timeout: TIME }, () => {
    const rules = { issuer: `${url}/auth/v1`, clockToleranceSeconds: 5 }
    const value = fc.oneof(fc.jsonValue(), bytes(), fc.constantFrom<unknown>(undefined, NaN, Infinity, -0, `${url}/auth/v1`, 'authenticated', 2 ** 40, '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', true))
    const claims = fc.dictionary(fc.constantFrom('iss', 'aud', 'role', 'sub', 'exp', 'nbf', 'iat', 'is_anonymous', 'client_id', 'session_id', '__proto__', 'constructor'), value, { maxKeys: 12 })
    fc.assert(
      fc.property(fc.oneof(claims, fc.anything()), (given) => {
        const user = expectQuick(() => acceptClaims(given, rules))
        if (user === undefined) return
        expect(given).toMatchObject({ iss: rules.issuer, role: 'authenticated' })
        expect(user.id).toMatch(/^[0-9a-f-]{36}$/)
      }),
      createRuns('claims', SOME),
    )
  })
})

it('an idempotency key is taken or refused, and reaches the database as a digest', { timeout: TIME }, async () => {
  const context = {}
  await fc.assert(
    fc.asyncProperty(bytesAround('a', '"', ',', ', ', ' ', '\t', 'k'.repeat(250), '\n', '\0'), bytes(), async (idempotencyKey, body) => {
      const keyed = await readIdempotency({ method: 'POST', authorization: undefined, context, idempotencyKey, describe: () => ({ route: body, url: body, body }) }, { mode: 'optional', creditTypes: ['ai'] })
      const isGood = idempotencyKey.length > 0 && idempotencyKey.length <= 255 && idempotencyKey.split('').every((letter) => letter > ' ' && letter < '\x7f')
      if (!isGood) expect(keyed).toMatchObject({ outcome: 'refused', problem: { status: 400 } })
      else expect(keyed).toEqual({ outcome: 'keyed', idempotency: { key: expect.stringMatching(/^[0-9a-f]{64}$/) as string, fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string } })
    }),
    createRuns('idempotency keys', MANY),
  )
})

it('an amount is a whole number within its bounds, or a TypeError', { timeout: TIME }, () => {
  const odd = fc.oneof(fc.double(), fc.integer(), fc.bigInt(), bytes(8), fc.anything({ withBigInt: true, withDate: true, withMap: true, withTypedArray: true, withNullPrototype: true, withObjectString: true }), fc.constantFrom<unknown>(-0, 1e3, 1e3 + 1, Object(1), [1], { valueOf: () => 1 }))
  fc.assert(
    fc.property(odd, (amount) => {
      const isGood = typeof amount === 'number' && Math.floor(amount) === amount && amount >= 0 && amount <= 1000
      expect(expectQuick(() => isAmount(amount, 1000))).toBe(isGood)
      const parse = () => parsePrice(['ai', amount as number], { creditTypes: ['ai'], maxAmount: 1000 })
      if (isGood) parse()
      else if (typeof amount !== 'function') expect(parse).toThrow(TypeError)
    }),
    createRuns('amounts', MANY),
  )
})
