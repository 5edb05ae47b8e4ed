import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest'
import { createKeySetFetch, KeysUnavailable, type FetchKeySet } from '../../../src/identity/fetch-key-set.ts'
import { startKeyServer, type KeyServer } from '../../support/key-server.ts'

let server: KeyServer
let jwk: JWK
let fetchKeySet: FetchKeySet
beforeAll(async () => {
  server = await startKeyServer()
  jwk = { ...(await exportJWK((await generateKeyPair('ES256')).publicKey)), kid: 'key-1', alg: 'ES256' }
})
beforeEach(() => {
  fetchKeySet = createKeySetFetch()
})
afterAll(() => server.close())

const ask = (milliseconds = 5_000): Promise<Response> =>
  fetchKeySet(server.jwksUrl, { method: 'GET', redirect: 'manual', headers: new Headers(), signal: AbortSignal.timeout(milliseconds) })

/** Whatever the answer, a second call at once makes no second request. */
async function expectRefused(reason: RegExp, milliseconds?: number): Promise<void> {
  const before = server.requests
  const first: unknown = await ask(milliseconds).catch((error: unknown) => error)
  expect(first).toBeInstanceOf(KeysUnavailable)
  expect(first).toMatchObject({ message: expect.stringMatching(reason) as string })
  expect((first as Error).message).toContain(server.jwksUrl)
  await expect(ask(milliseconds)).rejects.toBe(first)
  expect(server.requests - before).toBe(1)
}

it('gives the set as it came', async () => {
  server.serve({ keys: [jwk] })
  expect(await (await ask()).json()).toEqual({ keys: [jwk] })
})

it('takes a thousand keys', async () => {
  server.serve({ keys: Array.from({ length: 1000 }, (_, index) => ({ ...jwk, kid: `key-${index}` })) })
  expect(((await (await ask()).json()) as { keys: unknown[] }).keys).toHaveLength(1000)
})

it.each<[string, unknown, RegExp]>([
  ['no set', [], /JSON Web Key Set malformed/],
  ['null', null, /JSON Web Key Set malformed/],
  ['no list of keys', { keys: { 0: {} } }, /JSON Web Key Set malformed/],
  ['a set in which one key is none', { keys: [{ kty: 'EC' }, null] }, /JSON Web Key Set malformed/],
  ['an empty set', { keys: [] }, /no public key.*shared secret/],
  ['a set of shared secrets', { keys: [{ kty: 'oct', k: randomBytes(32).toString('base64url'), alg: 'HS256' }] }, /no public key.*shared secret/],
])('refuses %s', async (_case, body, reason) => {
  server.serve(body)
  await expectRefused(reason)
})

it.each([204, 301, 302, 307, 400, 404, 429, 500, 503])('refuses a %d, and follows no redirect', async (status) => {
  server.answer((response) => response.writeHead(status, { location: server.url }).end())
  await expectRefused(new RegExp(`its answer was ${status}`))
})

it('refuses a page of HTML', async () => {
  server.answer((response) => response.setHeader('content-type', 'text/html').end('<html>Welcome</html>'))
  await expectRefused(/JSON/)
})

it('refuses half an answer', async () => {
  server.answer((response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('{"keys":[', () => response.destroy())
  })
  await expectRefused(/cannot be used/)
})

describe('does not wait for', () => {
  it.each<[string, () => void]>([
    ['an answer that never comes', () => server.answer(() => undefined)],
    ['the end of an answer that has begun', () => server.answer((response) => response.writeHead(200).write('{"keys":['))],
    [
      'an answer that comes in drops',
      () =>
        server.answer((response) => {
          const drops = setInterval(() => response.write(' '), 20)
          response.on('close', () => clearInterval(drops))
        }),
    ],
  ])('%s', async (_case, arrange) => {
    arrange()
    await expectRefused(/did not answer in time/, 150)
  })
})

describe('stops reading at 1 MiB', () => {
  it('an answer without an end', async () => {
    let sent = 0
    server.answer((response) => {
      const part = Buffer.alloc(65_536, ' ')
      const send = () => {
        while (!response.destroyed && response.write(part)) sent += part.length
      }
      response.on('drain', send)
      send()
    })
    await expectRefused(/larger than 1048576 bytes/)
    expect(sent).toBeLessThan(64 * 1_048_576)
  })

  it('an answer that is small until it is unpacked', async () => {
    const packed = gzipSync(Buffer.alloc(50_000_000, ' '))
    expect(packed.length).toBeLessThan(100_000)
    server.answer((response) => response.setHeader('content-encoding', 'gzip').end(packed))
    await expectRefused(/larger than 1048576 bytes/)
  })
})

it('asks again 5 seconds after a failure', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  onTestFinished(() => void vi.useRealTimers())
  server.answer((response) => response.destroy())
  await expectRefused(/cannot be used/)
  server.serve({ keys: [jwk] })
  vi.setSystemTime(Date.now() + 4_999)
  await expect(ask()).rejects.toBeInstanceOf(KeysUnavailable)
  vi.setSystemTime(Date.now() + 1)
  expect((await ask()).status).toBe(200)
})
