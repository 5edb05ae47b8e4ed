import { createSecretKey, randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { startKeyServer, type KeyServer } from '../support/key-server.ts'
import { expectNoViolations } from '../support/seed.ts'
import { assemble, createKeyPair, encode, signWith, startProject, type Project } from './forge.ts'
import { setScene, type Scene } from './scene.ts'

/** The key set as it should not be, in front of a whole guard: whose fault it is, and who is not let in meanwhile. */

let database: Database
let project: Project
let scene: Scene
let canary: KeyServer
const outgoing: string[] = []
const platformFetch = globalThis.fetch
const timeout = AbortSignal.timeout.bind(AbortSignal)
/** How long a key set may take, in milliseconds: 5,000, and less where it is known that nothing comes. */
let patience = 5_000

beforeAll(async () => {
  database = await createDatabase()
  canary = await startKeyServer()
})
beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => timeout(milliseconds === 5_000 ? patience : milliseconds))
  outgoing.length = 0
  patience = 5_000
  vi.stubGlobal('fetch', (...args: Parameters<typeof fetch>) => {
    outgoing.push(args[0] instanceof Request ? args[0].url : String(args[0]))
    return platformFetch(...args)
  })
  project = await startProject('ES256')
  canary.serve({ keys: [publicJwk()] })
  scene = await setScene(database, project)
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  await scene.close()
  await project.server.close()
  await expectNoViolations(database)
})
afterAll(async () => {
  await canary.close()
  await database.drop()
})

const exported = new WeakMap<Project, object>()
/** Exported once a project: Node 20 can lock up in an export while it collects what an earlier use of the key has left. */
function publicJwk(kid = project.kid): object {
  const own = exported.get(project) ?? project.publicKey.export({ format: 'jwk' })
  exported.set(project, own)
  return { ...own, kid, alg: 'ES256', use: 'sig' }
}
const createGood = (header: Record<string, unknown> = {}): string => project.createToken({ sub: scene.user }, header)
const travel = (seconds: number): unknown => vi.setSystemTime(Date.now() + seconds * 1000)

/** Each way in gives this answer to this token, and nothing is written or run unless it is 200. */
async function expectAnswer(token: string, status: number, problem?: string): Promise<void> {
  const [handled, reservations] = [scene.handled, await scene.countReservations()]
  for (const { name, send } of scene.ways) expect([name, await send(`Bearer ${token}`)]).toEqual([name, expect.objectContaining({ status, problem })])
  const expected = status === 200 ? scene.ways.length : 0
  expect([scene.handled - handled, (await scene.countReservations()) - reservations]).toEqual([expected, expected])
}
const expectUnavailable = (token: string): Promise<void> => expectAnswer(token, 503, 'credits-unavailable')
const expectInvalid = (token: string): Promise<void> => expectAnswer(token, 401, 'invalid-token')

describe('a key set that cannot be had is 503, asked for once in 5 seconds, and used once it is back:', () => {
  const large = gzipSync(Buffer.alloc(20_000_000, ' '))
  const json = (body: unknown) => (server: KeyServer) => server.serve(body)

  it.each<[string, (server: KeyServer) => void]>([
    ['the connection breaks', (server) => server.answer((response) => response.destroy())],
    ['no answer comes', (server) => server.answer(() => undefined)],
    ['half an answer comes', (server) => server.answer((response) => response.writeHead(200, { 'content-length': '500' }).write('{"keys":[', () => response.destroy()))],
    ['an answer never ends', (server) => server.answer((response) => response.writeHead(200).write('{"keys":['))],
    ['garbage', (server) => server.answer((response) => response.end(Buffer.from([0xff, 0xfe, 0, 1])))],
    ['a page of HTML', (server) => server.answer((response) => response.setHeader('content-type', 'text/html').end('<html>'))],
    ['an empty answer', (server) => server.answer((response) => response.end())],
    ['a redirect to a good one', (server) => server.answer((response) => response.writeHead(302, { location: canary.jwksUrl }).end())],
    ['404', (server) => server.answer((response) => response.writeHead(404).end('{"keys":[]}'))],
    ['500 with good keys', (server) => server.answer((response) => response.writeHead(500).end(JSON.stringify({ keys: [publicJwk()] })))],
    ['429', (server) => server.answer((response) => response.writeHead(429, { 'retry-after': '1' }).end())],
    ['more than there is memory for', (server) => server.answer((response) => response.setHeader('content-encoding', 'gzip').end(large))],
    ['no keys', json({ keys: [] })],
    ['null', json(null)],
    ['a list', json([])],
    ['keys that are none', json({ keys: [null, 7, 'key'] })],
    ['shared secrets alone', json({ keys: [{ kty: 'oct', k: 'AAAA', alg: 'HS256', kid: 'oct' }] })],
  ])('%s', async (_case, arrange) => {
    arrange(project.server)
    patience = 200
    await expectUnavailable(createGood())
    patience = 5_000
    expect(project.server.requests).toBe(1)
    expect(scene.events.filter(({ type }) => type === 'fault')).toHaveLength(scene.ways.length)
    project.server.serve({ keys: [publicJwk()] })
    travel(5)
    await expectAnswer(createGood(), 200)
    expect(canary.requests).toBe(0)
  })

  it('whoever was let in before is so while it is down, also with a new token of a key that is known', async () => {
    const token = createGood()
    await expectAnswer(token, 200)
    project.server.answer((response) => response.destroy())
    travel(60)
    await expectAnswer(token, 200)
    await expectAnswer(createGood(), 200)
  })

  it('but a token that is wrong by itself is 401 then too', async () => {
    project.server.answer((response) => response.destroy())
    await expectInvalid('sb_secret_x')
    await expectInvalid(assemble({ ...project.header, alg: 'none' }, project.createClaims(), () => Buffer.alloc(64)))
    expect(project.server.requests).toBe(0)
  })
})

describe('a rotation', () => {
  const rotated = createKeyPair('ES256')
  const sign = (kid: string): string => assemble({ alg: 'ES256', kid, typ: 'JWT' }, project.createClaims({ sub: scene.user }), (input) => signWith('ES256', rotated.privateKey, input))
  const jwk = { ...rotated.publicKey.export({ format: 'jwk' }), kid: 'rotated', alg: 'ES256' }

  it('is seen within 30 seconds, and both keys count while both are there', async () => {
    await expectAnswer(createGood(), 200)
    project.server.serve({ keys: [jwk, publicJwk()] })
    await expectInvalid(sign('rotated'))
    travel(30)
    await expectAnswer(sign('rotated'), 200)
    await expectAnswer(createGood(), 200)
    expect(project.server.requests).toBe(2)
  })

  it('ends a key that was removed: its tokens within 10 minutes, one that was let in before within 5 more', async () => {
    const token = createGood()
    await expectAnswer(token, 200)
    project.server.serve({ keys: [jwk] })
    travel(299)
    await expectAnswer(token, 200)
    await expectAnswer(createGood(), 200)
    travel(302)
    await expectInvalid(createGood())
    await expectInvalid(token)
  })

  it('is no fault of a new token while the set is down', async () => {
    await expectAnswer(createGood(), 200)
    travel(31)
    project.server.answer((response) => response.destroy())
    await expectUnavailable(sign('rotated'))
    project.server.serve({ keys: [jwk] })
    travel(5)
    await expectAnswer(sign('rotated'), 200)
  })
})

describe('a key set that is poisoned', () => {
  it('with a shared secret does not make it one', async () => {
    const secret = Buffer.from('known to everyone, 32 bytes long!')
    project.server.serve({ keys: [publicJwk(), { kty: 'oct', k: encode(secret), kid: 'oct', alg: 'HS256', use: 'sig' }, { kty: 'oct', k: encode(secret), kid: project.kid }] })
    for (const kid of ['oct', project.kid]) {
      await expectInvalid(assemble({ alg: 'HS256', kid, typ: 'JWT' }, project.createClaims(), (input) => signWith('HS256', createSecretKey(secret), input)))
    }
    await expectAnswer(createGood(), 200)
  })

  it.each<[string, (own: object) => object, number, string]>([
    ['a private key', (own) => ({ ...own, d: encode(Buffer.alloc(32, 1)) }), 503, 'credits-unavailable'],
    ['a key of no curve', (own) => ({ ...own, x: 'AAAA' }), 503, 'credits-unavailable'],
    ['a key for encryption', (own) => ({ ...own, use: 'enc' }), 401, 'invalid-token'],
    ['a key that may only sign', (own) => ({ ...own, key_ops: ['sign'] }), 401, 'invalid-token'],
    ['a key for another algorithm', (own) => ({ ...own, alg: 'ES512' }), 401, 'invalid-token'],
    ['a key without an id', (own) => ({ ...own, kid: undefined }), 401, 'invalid-token'],
  ])('with %s does not let its tokens in, and does let in those of the good one beside it', async (_case, poison, status, problem) => {
    project.server.serve({ keys: [poison(publicJwk('poisoned')), publicJwk()] })
    await expectAnswer(createGood({ kid: 'poisoned' }), status, problem)
    await expectAnswer(createGood(), 200)
  })

  it('with an id twice lets nobody in by that id, and says that it is not the token', async () => {
    project.server.serve({ keys: [publicJwk('twice'), publicJwk('twice'), publicJwk()] })
    await expectUnavailable(createGood({ kid: 'twice' }))
    await expectAnswer(createGood(), 200)
  })

  it('with a thousand keys still finds the right one', async () => {
    project.server.serve({ keys: [...Array.from({ length: 999 }, () => publicJwk(randomUUID())), publicJwk()] })
    await expectAnswer(createGood(), 200)
    await expectInvalid(createGood({ kid: randomUUID() }))
  })
})

describe('a thousand forged tokens', () => {
  const attacker = createKeyPair('ES256')
  const forge = (): string =>
    assemble({ alg: 'ES256', kid: randomUUID(), jku: canary.jwksUrl, x5u: canary.url, iss: canary.url }, project.createClaims({ iss: `${canary.url}/auth/v1` }), (input) => signWith('ES256', attacker.privateKey, input))
  const sendAll = async (): Promise<Set<number | undefined>> => {
    const way = scene.ways.find(({ name }) => name === 'the gate')
    const tokens = Array.from({ length: 1000 }, forge)
    return new Set(await Promise.all(tokens.map(async (token) => (await way?.send(`Bearer ${token}`))?.status)))
  }

  it('of as many key ids ask for the set once and once more, and for nothing else', async () => {
    expect(await sendAll()).toEqual(new Set([401]))
    expect(project.server.requests).toBe(1)
    travel(31)
    expect(await sendAll()).toEqual(new Set([401]))
    expect([project.server.requests, canary.requests]).toEqual([2, 0])
    expect(new Set(outgoing)).toEqual(new Set([project.server.jwksUrl]))
    await expectAnswer(createGood(), 200)
  })

  it('ask once in 5 seconds while it is down, and are nobody in particular', async () => {
    project.server.answer((response) => response.destroy())
    expect(await sendAll()).toEqual(new Set([503]))
    expect(await sendAll()).toEqual(new Set([503]))
    expect([project.server.requests, canary.requests]).toEqual([1, 0])
    travel(5)
    project.server.serve({ keys: [publicJwk()] })
    await expectAnswer(createGood(), 200)
  })
})
