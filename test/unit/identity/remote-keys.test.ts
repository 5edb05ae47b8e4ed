import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import type { FlattenedJWSInput, JWTHeaderParameters, JWTVerifyGetKey } from 'jose'
import { KeysUnavailable } from '../../../src/identity/fetch-key-set.ts'
import { createRemoteKeys } from '../../../src/identity/remote-keys.ts'
import { startAuthServer, type AuthServer } from '../../support/auth-server.ts'

let auth: AuthServer
let keys: JWTVerifyGetKey
beforeAll(async () => {
  auth = await startAuthServer()
})
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] })
  keys = createRemoteKeys(auth.jwksUrl)
})
afterEach(() => {
  auth.setMode('ok')
  vi.useRealTimers()
})
afterAll(() => auth.close())

const token: FlattenedJWSInput = { payload: '', signature: '' }
const find = (kid = auth.jwks.keys[0]?.kid): ReturnType<JWTVerifyGetKey> | Promise<unknown> => keys({ alg: 'ES256', kid } as JWTHeaderParameters, token)
const travel = (seconds: number): unknown => vi.setSystemTime(Date.now() + seconds * 1000)

/** How many requests this causes. */
async function count(work: () => Promise<unknown>): Promise<number> {
  const before = auth.requests
  await work()
  return auth.requests - before
}
async function tryOften(kid?: string): Promise<unknown[]> {
  const outcomes: unknown[] = []
  for (let time = 0; time < 10; time += 1) outcomes.push(await Promise.resolve(find(kid)).then(() => 'found', (error: unknown) => (error as Error).name))
  return outcomes
}

it('finds a key by one request, and then for 10 minutes by none', async () => {
  expect(await count(() => tryOften())).toBe(1)
  travel(599)
  expect(await count(() => tryOften())).toBe(0)
  travel(2)
  expect(await count(() => tryOften())).toBe(1)
})

it('asks a failing endpoint at most every 5 seconds, and says meanwhile that the keys cannot be had', async () => {
  auth.setMode('down')
  expect(await count(async () => expect(await tryOften()).toEqual(Array(10).fill('KeysUnavailable')))).toBe(1)
  travel(4)
  expect(await count(() => tryOften())).toBe(0)
  travel(2)
  expect(await count(() => tryOften())).toBe(1)
})

it('finds keys again as soon as it asks again', async () => {
  auth.setMode('down')
  await tryOften()
  auth.setMode('ok')
  expect(await count(async () => expect(await tryOften()).toEqual(Array(10).fill('KeysUnavailable')))).toBe(0)
  travel(6)
  expect(await count(async () => expect(await tryOften()).toEqual(Array(10).fill('found')))).toBe(1)
})

it('goes on finding the keys it has while the endpoint fails, and cannot say of others whether they are good', async () => {
  await find()
  travel(31)
  auth.setMode('down')
  expect(await count(async () => expect(await tryOften('rotated-in')).toEqual(Array(10).fill('KeysUnavailable')))).toBe(1)
  expect(await count(async () => expect(await tryOften()).toEqual(Array(10).fill('found')))).toBe(0)
})

it('asks a failing endpoint again after a clock was set back', async () => {
  auth.setMode('down')
  await tryOften()
  auth.setMode('ok')
  travel(-86_400)
  expect(await tryOften()).toEqual(Array(10).fill('found'))
})

it('does not go on with keys older than 10 minutes', async () => {
  await find()
  travel(601)
  auth.setMode('down')
  expect(await count(async () => expect(await tryOften()).toEqual(Array(10).fill('KeysUnavailable')))).toBe(1)
})

it('takes a set without a key for none, and says what that may mean', async () => {
  auth.setMode('empty')
  const failure: unknown = await Promise.resolve(find()).catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(KeysUnavailable)
  expect(failure).toMatchObject({ message: expect.stringMatching(new RegExp(`${auth.jwksUrl}.*shared secret`)) as string })
  expect(await tryOften()).toEqual(Array(10).fill('KeysUnavailable'))
})

it('takes a key that is not in the set for the fault of whoever named it', async () => {
  await expect(find('unknown')).rejects.toMatchObject({ code: 'ERR_JWKS_NO_MATCHING_KEY' })
  expect(await count(() => tryOften('unknown'))).toBe(0)
})

it('hands on why the keys cannot be had', async () => {
  auth.setMode('garbage')
  await expect(find()).rejects.toMatchObject({ name: 'KeysUnavailable', message: expect.stringContaining('JSON') as string, cause: expect.any(Error) as unknown })
})
