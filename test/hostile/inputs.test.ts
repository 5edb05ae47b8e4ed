import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectNoViolations } from '../support/seed.ts'
import { HOST_NAMES, NOTHING, openPaidRoute, problem, type PaidRoute } from './paid-route.ts'
import { sendRaw } from './raw-request.ts'

/** Whatever a route or a client names that is none, with a good token: exact answer, no row, no handler. */

let route: PaidRoute
beforeAll(async () => {
  route = await openPaidRoute()
})
afterEach(async () => {
  route.setAmount(() => 1)
  await expectNoViolations(route.database)
})
afterAll(() => route.close())

// eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what an app's own code does
const rejectWith = (value: unknown): Promise<never> => Promise.reject(value)

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
      await route.count(async () => {
        for (const host of HOST_NAMES) {
          for (const given of [() => value, () => Promise.resolve(value)]) {
            route.setAmount(given)
            expect([host, await route.send(host)]).toEqual([host, problem(400, 'invalid-request')])
          }
        }
      }),
    ).toEqual(NOTHING)
  })

  it.each(AMOUNTS.filter(([, value]) => typeof value !== 'function'))('is a TypeError when a route names %s', (_case, value) => {
    expect(() => route.guard.requireCredits('ai', value as number)).toThrow(TypeError)
  })

  const FAILURES: readonly [string, unknown][] = [
    ['an error', new Error('no')],
    ['text', 'no'],
    ['nothing', undefined],
    ["what Express takes for a way past a route's handlers", 'route'],
  ]

  it.each(FAILURES)("is the route's own failure when its function rejects with %s: nothing is written or run", async (_case, value) => {
    route.setAmount(() => rejectWith(value))
    expect(await route.count(async () => expect(await route.send('Hono')).toEqual({ status: 500, type: undefined }))).toEqual(NOTHING)
    expect(await route.count(() => expect(route.admit({}, () => rejectWith(value))).rejects.toBe(value))).toEqual(NOTHING)
  })

  it.each(FAILURES.slice(0, 2))('and on Express: %s', async (_case, value) => {
    route.setAmount(() => rejectWith(value))
    expect(await route.count(async () => expect((await route.send('Express')).status).toBe(500))).toEqual(NOTHING)
  })

  it.each(FAILURES.slice(2))('and on Express: %s', async (_case, value) => {
    route.setAmount(() => rejectWith(value))
    expect(await route.count(async () => expect((await route.send('Express')).status).toBe(500))).toEqual(NOTHING)
  })

  it('is not even asked for when nobody is signed in', async () => {
    route.setAmount(() => expect.fail('asked'))
    for (const host of HOST_NAMES) expect(await route.send(host, { headers: { authorization: '' } })).toEqual(problem(401, 'unauthenticated'))
  })
})

it.each([0, -0, 1, 1000])('an amount of %d is taken', async (value) => {
  route.setAmount(() => value)
  expect(
    await route.count(async () => {
      for (const host of HOST_NAMES) expect(await route.send(host)).toMatchObject({ status: 200 })
    }),
  ).toEqual({ rows: 2, handlers: 2 })
})

describe('a credit type that the guard does not know', () => {
  it.each(['unknown', '', ' ', 'AI', ' ai', 'ai ', 'ai\0', 'аi', 'ａｉ', 'ai;drop', '__proto__', 'constructor', 'toString', 'hasOwnProperty', null, undefined, 0, true, {}, [], ['ai'], { toString: () => 'ai' }])(
    'is a TypeError: %o',
    (type) => {
      expect(() => route.guard.requireCredits(type as 'ai', 1)).toThrow(TypeError)
    },
  )

  it.each([[], [''], ['ai', ''], 'ai', { 0: 'ai' }, [null], [7]])('is a TypeError when the guard is to have it: %o', (creditTypes) => {
    expect(() => createGuard({ identity: supabaseJwt({ url: route.project.url }), ledger: postgresLedger(route.database.pool), creditTypes: creditTypes as string[] })).toThrow(TypeError)
  })

  it.each(['__proto__', 'constructor', 'Ai', 'x'.repeat(1000), 'é', "'; drop table x; --"])('is 500 when the database does not know it either: %s', async (type) => {
    const other = createGuard({ identity: supabaseJwt({ url: route.project.url }), ledger: postgresLedger(route.database.pool), creditTypes: [type], onEvent: () => undefined })
    expect(await route.count(async () => expect(await other.requireCredits<object>(type, 1).admit({ method: 'POST', authorization: route.authorization, context: {} })).toMatchObject({ outcome: 'denied', problem: { name: 'server-error', status: 500 } }))).toEqual(NOTHING)
  })
})

describe('an Idempotency-Key that is none', () => {
  const KEYS = ['', ' ', '\t', 'a b', 'a, a', ' a', 'a ', 'a\n', 'a\r\nX-Admin: 1', '\0', 'a\0', '\x1f', '\x7f', '\x80', 'é', 'ü'.repeat(10), '\u2028', '\ud83d\ude00', '\ud800', 'k'.repeat(256), 'k'.repeat(10_000)]

  it.each(KEYS)('is 400 at the gate: %j', async (idempotencyKey) => {
    const describe = (): never => expect.fail('the body was read')
    expect(await route.count(async () => expect(await route.admit({ idempotencyKey, describe })).toMatchObject({ outcome: 'denied', problem: { name: 'invalid-request', status: 400 } }))).toEqual(NOTHING)
  })

  it.each(KEYS.filter((key) => /^[\t\x20-\x7e\x80-\xff]*$/.test(key) && key === key.trim()))('is 400 on a host: %j', async (key) => {
    expect(
      await route.count(async () => {
        for (const host of HOST_NAMES) expect([host, await route.send(host, { headers: { 'Idempotency-Key': key } })]).toEqual([host, problem(400, 'invalid-request')])
      }),
    ).toEqual(NOTHING)
  })

  it('is 400 when it stands there twice', async () => {
    expect(
      await route.count(async () => {
        for (const host of HOST_NAMES) {
          const status = await sendRaw(route.getPort(host), `POST /paid HTTP/1.1\r\nHost: x\r\nAuthorization: ${route.authorization}\r\nIdempotency-Key: a\r\nIdempotency-Key: a\r\nContent-Length: 0\r\n\r\n`)
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
    const first = await route.admit({ idempotencyKey: 'huge', describe: describe_('a') })
    if (first.outcome !== 'admitted') expect.fail(first.outcome)
    await first.settle({ status: 200, threw: false, ended: 'finished', started: true })
    expect(await route.count(async () => expect(await route.admit({ idempotencyKey: 'huge', describe: describe_('b') })).toMatchObject({ problem: { name: 'idempotency-key-reused', status: 422 } }))).toEqual(NOTHING)
    expect(await route.count(async () => expect(await route.admit({ idempotencyKey: 'huge', describe: describe_('a') })).toMatchObject({ problem: { name: 'already-charged', status: 409 } }))).toEqual(NOTHING)
  })

  it('is not read for somebody who is not let in', async () => {
    const describe = (): never => expect.fail('the body was read')
    expect(await route.admit({ idempotencyKey: 'k', describe, authorization: undefined })).toMatchObject({ problem: { status: 401 } })
    expect(await route.admit({ idempotencyKey: 'k', describe, authorization: 'Bearer e30.e30.AAAA' })).toMatchObject({ problem: { status: 401 } })
  })
})

it('none of all that is a fault of ours', () => {
  const faults = route.events.filter(({ type }) => type === 'fault')
  expect([route.events.length > 0, faults]).toEqual([true, []])
})
