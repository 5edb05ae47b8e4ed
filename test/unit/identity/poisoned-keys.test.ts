import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createRemoteKeys } from '../../../src/identity/remote-keys.ts'
import { startKeyServer, type KeyServer } from '../../support/key-server.ts'

/** Sets in which a key is bad: it does no harm to the good ones beside it. */

let server: KeyServer
let good: JWK
let privateJwk: JWK
let find: (header: object) => Promise<string>
beforeAll(async () => {
  server = await startKeyServer()
  const pair = await generateKeyPair('ES256', { extractable: true })
  good = { ...(await exportJWK(pair.publicKey)), kid: 'good', alg: 'ES256' }
  privateJwk = { ...(await exportJWK((await generateKeyPair('ES256', { extractable: true })).privateKey)), alg: 'ES256' }
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  const keys = createRemoteKeys(server.jwksUrl)
  find = (header) =>
    Promise.resolve(keys({ alg: 'ES256', ...header }, { payload: '', signature: '' })).then(
      () => 'found',
      (error: unknown) => (error as Error).name,
    )
})
afterEach(() => vi.useRealTimers())
afterAll(() => server.close())

const travel = (seconds: number): unknown => vi.setSystemTime(Date.now() + seconds * 1000)

it.each<[string, () => JWK]>([
  ['a private key', () => ({ ...privateJwk, kid: 'bad' })],
  ['a point that is not on its curve', () => ({ ...good, kid: 'bad', x: 'A'.repeat(43) })],
  ['a key that lacks a part', () => ({ kty: 'EC', crv: 'P-256', kid: 'bad', alg: 'ES256' })],
])('says of %s that the set is at fault, and finds the good one', async (_case, createBad) => {
  server.serve({ keys: [createBad(), good] })
  expect(await find({ kid: 'bad' })).toBe('KeysUnavailable')
  expect(await find({ kid: 'good' })).toBe('found')
})

it.each<[string, Partial<JWK>]>([
  ['for encryption', { use: 'enc' }],
  ['for signing alone', { key_ops: ['sign'] }],
  ['for another algorithm', { alg: 'ES384' }],
  ['that is a shared secret', { kty: 'oct', k: 'A'.repeat(43), alg: 'HS256' }],
])('does not find a key %s', async (_case, other) => {
  server.serve({ keys: [{ ...good, kid: 'other', ...other }, good] })
  expect(await find({ kid: 'other' })).toBe('JWKSNoMatchingKey')
  expect(await find({ kid: 'good' })).toBe('found')
})

it('says of two keys under one id that the set is at fault', async () => {
  server.serve({ keys: [good, { ...good, kid: 'twice' }, { ...good, kid: 'twice' }] })
  expect(await find({ kid: 'twice' })).toBe('KeysUnavailable')
  expect(await find({ kid: 'good' })).toBe('found')
})

it('says of a token that names none of several keys that the token is', async () => {
  server.serve({ keys: [good, { ...good, kid: 'second' }] })
  expect(await find({})).toBe('JWKSMultipleMatchingKeys')
})

it('sees a rotation, however often tokens name a bad key', async () => {
  const bad = { ...good, kid: 'bad', x: 'A'.repeat(43) }
  server.serve({ keys: [bad, good] })
  expect(await find({ kid: 'good' })).toBe('found')
  travel(31)
  server.serve({ keys: [bad, good, { ...good, kid: 'rotated-in' }] })
  expect(await find({ kid: 'bad' })).toBe('KeysUnavailable')
  expect(await find({ kid: 'rotated-in' })).toBe('found')
})
