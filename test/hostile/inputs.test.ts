import type { AddressInfo } from 'node:net'
import type { Server } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import express from 'express'
import { createGuard, postgresLedger, supabaseJwt, type Amount, type Guard, type GuardEvent } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { honoCredits } from 'creditgate/hono'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations } from '../support/seed.ts'
import { startProject, type Project } from './forge.ts'
import { sendRaw } from './raw-request.ts'

/** Whatever else a request or a route brings along, with a good token: exact answer, no row, no handler. */

let database: Database
let project: Project
let guard: Guard
let authorization: string
let handled = 0
let events: GuardEvent[] = []
let amount: () => unknown = () => 1
const servers: Server[] = []
const ports: Record<string, number> = {}

beforeAll(async () => {
  database = await createDatabase()
  project = await startProject('ES256')
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 1_000_000 })
  authorization = `Bearer ${project.createToken({ sub: account.user })}`
  guard = createGuard({ identity: supabaseJwt({ url: project.url }), ledger: postgresLedger(database.pool), maxAmount: 1000, onEvent: (event) => events.push(event) })

  const hono = new Hono()
  hono.onError((_error, c) => c.text('sorry', 500))
  hono.use('/paid', honoCredits(guard)('ai', () => amount() as number))
  hono.all('/paid', (c) => {
    handled += 1
    return c.text('done')
  })
  const app = express()
  app.use(express.json())
  app.all('/paid', expressCredits(guard)('ai', () => amount() as number), (_req, res) => {
    handled += 1
    res.send('done')
  })
  servers.push(serve({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }) as Server, app.listen(0, '127.0.0.1'))
  for (const [index, name] of ['Hono', 'Express'].entries()) {
    if (servers[index]?.listening !== true) await new Promise((resolve) => servers[index]?.once('listening', resolve))
    ports[name] = (servers[index]?.address() as AddressInfo).port
  }
})
afterEach(async () => {
  amount = () => 1
  events = []
  await expectNoViolations(database)
})
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  await guard.close()
  await project.server.close()
  await database.drop()
})

async function countReservations(): Promise<number> {
  await guard.close() // a response is settled after it has been read
  return Number((await database.query<{ count: string }>('select count(*) from creditgate.reservations'))[0]?.count)
}

/** How many rows and handlers this comes to. */
async function count(work: () => Promise<void>): Promise<{ readonly rows: number; readonly handlers: number }> {
  const [rows, handlers] = [await countReservations(), handled]
  await work()
  return { rows: (await countReservations()) - rows, handlers: handled - handlers }
}
const NOTHING = { rows: 0, handlers: 0 }

async function send(host: string, { headers = {}, method = 'POST', query = '', body }: { headers?: Record<string, string>; method?: string; query?: string; body?: string } = {}) {
  const response = await fetch(`http://127.0.0.1:${ports[host]}/paid${query}`, { method, headers: { authorization, ...headers }, ...(body === undefined ? {} : { body }) })
  const text = await response.text()
  const isProblem = response.headers.get('content-type') === 'application/problem+json'
  return { status: response.status, type: isProblem ? (JSON.parse(text) as { type: string }).type : undefined }
}
// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what an app's own code does
const rejectWith = (value: unknown): Promise<never> => Promise.reject(value)
const problem = (status: number, name: string) => ({ status, type: `urn:problem-type:creditgate:${name}` })

const admit = (overrides: object = {}, of: Amount<object> = 1) => guard.requireCredits<object>('ai', of).admit({ method: 'POST', authorization, context: {}, ...overrides })

const AMOUNTS: readonly [string, unknown][] = [
  ...[NaN, Infinity, -Infinity, -1, -0.5, 0.1, 1.5, 1001, 2 ** 31, 2 ** 53, -(2 ** 53), 1e21, Number.MIN_VALUE, Number.MAX_VALUE].map((value): [string, unknown] => [String(value), value]),
  ...['1', '', ' ', '1e1', '0x1', '1; drop table', 'NaN', '१'].map((value): [string, unknown] => [JSON.stringify(value), value]),
  ['1n', 1n],
  ['null', null],
  ['undefined', undefined],
  ['true', true],
  ['false', false],
  ['an empty list', []],
  ['a list of one', [1]],
  ['an object', {}],
  ['an object that is worth 1', { valueOf: () => 1, toString: () => '1', toJSON: () => 1, [Symbol.toPrimitive]: () => 1 }],
  ['a number in an object', Object(1) as object],
  ['a date', new Date(1)],
  ['a symbol', Symbol('1')],
  ['a function', () => 1],
  ['a map', new Map([['ai', 1]])],
]

describe('an amount that is none', () => {
  it.each(AMOUNTS)('is 400 when a function gives %s, at once or later, writes nothing and runs nothing', async (_case, value) => {
    expect(
      await count(async () => {
        for (const host of ['Hono', 'Express']) {
          for (const given of [() => value, () => Promise.resolve(value)]) {
            amount = given
            expect([host, await send(host)]).toEqual([host, problem(400, 'invalid-request')])
          }
        }
      }),
    ).toEqual(NOTHING)
  })

  it.each(AMOUNTS.filter(([, value]) => typeof value !== 'function'))('is a TypeError when a route names %s', (_case, value) => {
    expect(() => guard.requireCredits('ai', value as number)).toThrow(TypeError)
  })

  const FAILURES: readonly [string, unknown][] = [
    ['an error', new Error('no')],
    ['text', 'no'],
    ['nothing', undefined],
    ["what Express takes for a way past a route's handlers", 'route'],
  ]

  it.each(FAILURES)("is the route's own failure when its function rejects with %s: nothing is written or run", async (_case, value) => {
    amount = () => rejectWith(value)
    expect(await count(async () => expect(await send('Hono')).toEqual({ status: 500, type: undefined }))).toEqual(NOTHING)
    expect(await count(() => expect(admit({}, amount as Amount<object>)).rejects.toBe(value))).toEqual(NOTHING)
  })

  it.each(FAILURES.slice(0, 2))('and on Express: %s', async (_case, value) => {
    amount = () => rejectWith(value)
    expect(await count(async () => expect((await send('Express')).status).toBe(500))).toEqual(NOTHING)
  })

  // Its adapter hands whatever was thrown to next(): with nothing in hand, that means go on.
  it.each(FAILURES.slice(2))('and on Express: %s', async (_case, value) => {
    amount = () => rejectWith(value)
    expect(await count(async () => expect((await send('Express')).status).toBe(500))).toEqual(NOTHING)
  })

  it('is not even asked for when nobody is signed in', async () => {
    amount = () => expect.fail('asked')
    for (const host of ['Hono', 'Express']) expect(await send(host, { headers: { authorization: '' } })).toEqual(problem(401, 'unauthenticated'))
  })
})

it.each([0, -0, 1, 1000])('an amount of %d is taken', async (value) => {
  amount = () => value
  expect(
    await count(async () => {
      for (const host of ['Hono', 'Express']) expect(await send(host)).toMatchObject({ status: 200 })
    }),
  ).toEqual({ rows: 2, handlers: 2 })
})

describe('a credit type that the guard does not know', () => {
  it.each(['unknown', '', ' ', 'AI', ' ai', 'ai ', 'ai\0', 'аi', 'ａｉ', 'ai;drop', '__proto__', 'constructor', 'toString', 'hasOwnProperty', null, undefined, 0, true, {}, [], ['ai'], { toString: () => 'ai' }])(
    'is a TypeError: %o',
    (type) => {
      expect(() => guard.requireCredits(type as 'ai', 1)).toThrow(TypeError)
    },
  )

  it.each([[], [''], ['ai', ''], 'ai', { 0: 'ai' }, [null], [7]])('is a TypeError when the guard is to have it: %o', (creditTypes) => {
    expect(() => createGuard({ identity: supabaseJwt({ url: project.url }), ledger: postgresLedger(database.pool), creditTypes: creditTypes as string[] })).toThrow(TypeError)
  })

  it.each(['__proto__', 'constructor', 'Ai', 'x'.repeat(1000), 'é', "'; drop table x; --"])('is 500 when the database does not know it either: %s', async (type) => {
    const other = createGuard({ identity: supabaseJwt({ url: project.url }), ledger: postgresLedger(database.pool), creditTypes: [type], onEvent: () => undefined })
    expect(await count(async () => expect(await other.requireCredits<object>(type, 1).admit({ method: 'POST', authorization, context: {} })).toMatchObject({ outcome: 'denied', problem: { name: 'server-error', status: 500 } }))).toEqual(NOTHING)
  })
})

describe('an Idempotency-Key that is none', () => {
  const KEYS = ['', ' ', '\t', 'a b', 'a, a', ' a', 'a ', 'a\n', 'a\r\nX-Admin: 1', '\0', 'a\0', '\x1f', '\x7f', '\x80', 'é', 'ü'.repeat(10), '\u2028', '\ud83d\ude00', '\ud800', 'k'.repeat(256), 'k'.repeat(10_000)]

  it.each(KEYS)('is 400 at the gate: %j', async (idempotencyKey) => {
    const describe = (): never => expect.fail('the body was read')
    expect(await count(async () => expect(await admit({ idempotencyKey, describe })).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-request', status: 400 } }))).toEqual(NOTHING)
  })

  it.each(KEYS.filter((key) => /^[\t\x20-\x7e\x80-\xff]*$/.test(key) && key === key.trim()))('is 400 on a host: %j', async (key) => {
    expect(
      await count(async () => {
        for (const host of ['Hono', 'Express']) expect([host, await send(host, { headers: { 'Idempotency-Key': key } })]).toEqual([host, problem(400, 'invalid-request')])
      }),
    ).toEqual(NOTHING)
  })

  it('is 400 when it stands there twice', async () => {
    expect(
      await count(async () => {
        for (const host of ['Hono', 'Express']) {
          const status = await sendRaw(ports[host] ?? 0, `POST /paid HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: 0\r\n\r\n`)
          expect([host, status]).toEqual([host, 400])
        }
      }),
    ).toEqual(NOTHING)
  })
})

describe('a huge body under a key', () => {
  const body = Buffer.alloc(20_000_000, 'x')
  const describe_ = (last: string) => () => ({ route: '/paid', url: '/paid', body: Buffer.concat([body, Buffer.from(last)]) })

  it('is told from one that differs in its last byte', async () => {
    const first = await admit({ idempotencyKey: 'huge', describe: describe_('a') })
    if (first.outcome !== 'admitted') expect.fail(first.outcome)
    await first.settle({ status: 200, threw: false, ended: 'finished', started: true })
    expect(await count(async () => expect(await admit({ idempotencyKey: 'huge', describe: describe_('b') })).toMatchObject({ problem: { name: 'idempotency-key-reused', status: 422 } }))).toEqual(NOTHING)
    expect(await count(async () => expect(await admit({ idempotencyKey: 'huge', describe: describe_('a') })).toMatchObject({ problem: { name: 'already-charged', status: 409 } }))).toEqual(NOTHING)
  })

  it('is not read for somebody who is not let in', async () => {
    const describe = (): never => expect.fail('the body was read')
    expect(await admit({ idempotencyKey: 'k', describe, authorization: undefined })).toMatchObject({ problem: { status: 401 } })
    expect(await admit({ idempotencyKey: 'k', describe, authorization: 'Bearer e30.e30.AAAA' })).toMatchObject({ problem: { status: 401 } })
  })
})

describe('a token anywhere but in the Authorization header', () => {
  const token = (): string => authorization.replace('Bearer ', '')
  const names = ['X-Authorization', 'Proxy-Authorization', 'X-Forwarded-Authorization', 'Authentication', 'X-Auth-Token', 'X-Supabase-Auth', 'apikey', 'X-Api-Key', 'X-Original-Authorization', 'Sec-WebSocket-Protocol']
  const claims = JSON.stringify({ sub: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', role: 'authenticated' })

  it.each<[string, () => Parameters<typeof send>[1]]>([
    ...names.map((name): [string, () => Parameters<typeof send>[1]] => [`the header ${name}`, () => ({ headers: { [name]: name === 'apikey' ? token() : authorization } })]),
    ...['sb-access-token', 'sb-abcdefghijklmnopqrst-auth-token', 'access_token'].map((name): [string, () => Parameters<typeof send>[1]] => [`the cookie ${name}`, () => ({ headers: { cookie: `${name}=${token()}` } })]),
    ...['access_token', 'token', 'authorization', 'apikey', 'jwt'].map((name): [string, () => Parameters<typeof send>[1]] => [`the query's ${name}`, () => ({ query: `?${name}=${encodeURIComponent(token())}` })]),
    ['the body', () => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ access_token: token(), authorization }) })],
    ...['X-User-Id', 'X-Jwt-Claims', 'X-Supabase-Context', 'X-Forwarded-User', 'Request.Jwt.Claims', 'X-Amzn-Oidc-Data', 'supabaseContext', 'claims'].map((name): [string, () => Parameters<typeof send>[1]] => [`claims in the header ${name}`, () => ({ headers: { [name]: claims } })]),
    ['claims in the query', () => ({ query: `?claims=${encodeURIComponent(claims)}&supabaseContext[jwtClaims][sub]=x&__proto__[claims]=x` })],
    ['claims in the body', () => ({ headers: { 'content-type': 'application/json' }, body: `{"claims":${claims},"__proto__":{"claims":${claims}},"supabaseContext":{"jwtClaims":${claims}}}` })],
    ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].flatMap((name) => ['HEAD', 'OPTIONS'].map((method): [string, () => Parameters<typeof send>[1]] => [`nowhere, and ${name}: ${method}`, () => ({ headers: { [name]: method } })])),
    ['nowhere, and _method in the query', () => ({ query: '?_method=HEAD' })],
  ])('is none: in %s', async (_case, make) => {
    expect(
      await count(async () => {
        for (const host of ['Hono', 'Express']) {
          const request = make() ?? {}
          expect([host, await send(host, { ...request, headers: { ...request.headers, authorization: '' } })]).toEqual([host, problem(401, 'unauthenticated')])
        }
      }),
    ).toEqual(NOTHING)
  })
})

describe('a request that two servers would read in two ways', () => {
  const head = (...lines: string[]): string => ['POST /paid HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n')
  const good = (): string => `Authorization: ${authorization}`

  it.each<[string, () => string, number]>([
    ['a line folded', () => head(good().replace(' ', '\r\n '), 'Content-Length: 0'), 400],
    ['a blank before the colon', () => head(good().replace(':', ' :'), 'Content-Length: 0'), 400],
    ['a zero byte in a header', () => head(`${good()}\0`, 'Content-Length: 0'), 400],
    ['a line break without its return', () => head(`X: a\n${good()}`, 'Content-Length: 0'), 400],
    ['two lengths', () => head(good(), 'Content-Length: 0', 'Content-Length: 5'), 400],
    ['a length and chunks', () => `${head(good(), 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
    ['a length that is none', () => head(good(), 'Content-Length: +0'), 400],
    ['chunks that are not the last coding', () => head(good(), 'Transfer-Encoding: chunked, gzip'), 400],
    ['a method in lower case', () => head(good(), 'Content-Length: 0').replace('POST', 'head'), 400],
    ['headers of 20 KB', () => head(good(), `X: ${'x'.repeat(20_000)}`, 'Content-Length: 0'), 431],
    ['a token of 20 KB', () => head(`Authorization: Bearer ${'x'.repeat(20_000)}`, 'Content-Length: 0'), 431],
  ])('is not taken at all: %s', async (_case, bytes, status) => {
    expect(
      await count(async () => {
        for (const host of ['Hono', 'Express']) expect([host, await sendRaw(ports[host] ?? 0, bytes())]).toEqual([host, status])
      }),
    ).toEqual(NOTHING)
  })

  const DOUBLED: readonly [string, () => string[]][] = [
    ['the same twice', () => [good(), good()]],
    ['a good one and a bad one', () => [good(), 'Authorization: Bearer e30.e30.AAAA']],
    ['a bad one and a good one', () => ['Authorization: Bearer e30.e30.AAAA', good()]],
    ['a good one and another scheme', () => [good(), 'Authorization: Basic YTpi']],
    ['two spellings of the name', () => [good(), good().replace('A', 'a')]],
  ]
  const expectDoubledRefused = async (host: string, lines: string[]): Promise<void> =>
    expect(await count(async () => expect(await sendRaw(ports[host] ?? 0, head(...lines, 'Content-Length: 0'))).toBe(400))).toEqual(NOTHING)

  it.each(DOUBLED)('is 400 with two Authorization headers on Hono: %s', (_case, lines) => expectDoubledRefused('Hono', lines()))

  // Node keeps the first of them in `req.headers`, and all in `req.headersDistinct`.
  it.each(DOUBLED)('is 400 with two Authorization headers on Express: %s', (_case, lines) => expectDoubledRefused('Express', lines()))
})

describe('HEAD and OPTIONS', () => {
  it.each(['HEAD', 'OPTIONS'])('%s is free, whatever comes with it: no row, no amount, no key', async (method) => {
    amount = () => expect.fail('asked')
    const { rows } = await count(async () => {
      for (const host of ['Hono', 'Express']) {
        for (const headers of [{ authorization: '' }, { authorization }, { authorization: 'Bearer e30.e30.AAAA' }, { authorization, 'Idempotency-Key': 'a' }]) {
          expect([host, (await send(host, { method, headers })).status]).toEqual([host, 200])
        }
      }
    })
    expect(rows).toBe(0)
  })

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PROPFIND', 'TRACE', 'CONNECT', 'head', 'Head', 'options', 'HEAD ', ' HEAD', 'HEAD\0', 'HEADS', '', 'HEAD,POST'])('is not what %j is', async (method) => {
    expect(await admit({ method, authorization: undefined })).toMatchObject({ outcome: 'denied', problem: { name: 'unauthenticated' } })
  })
})

it('none of all that is a fault of ours', () => {
  expect(events.filter(({ type }) => type === 'fault')).toEqual([])
})
