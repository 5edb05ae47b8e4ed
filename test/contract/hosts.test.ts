import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Credits, type Guard, type RouteOptions } from 'creditgate'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { HOSTS, type Behaviour, type Ending, type Route } from '../support/hosts.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

let auth: AuthServer
let database: Database
let guard: Guard
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), onEvent: () => undefined })
})
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  await guard.close()
  await database.drop()
  await auth.close()
})

/** Chunks one by one, with time between them for a client to leave; then an end, or a failure. */
async function* stream(credits: Credits, { chunks, reports, fails, gone }: { chunks: number; reports: boolean; fails?: boolean; gone?: Promise<void> }) {
  for (let sent = 1; sent <= chunks; sent += 1) {
    if (reports) credits.report(sent)
    yield `chunk ${sent}\n`
    if (sent === 1) await gone
    await sleep(5)
  }
  if (fails === true) throw new Error('the source broke')
}

interface Scenario {
  readonly name: string
  readonly options?: RouteOptions
  readonly route?: Partial<Route>
  readonly client?: Behaviour['kind']
  /** `gone` resolves when the client has left. */
  handle(credits: Credits, gone: Promise<void>): Ending | Promise<Ending>
  readonly status?: number
  readonly expected: { readonly state: 'committed' | 'refunded'; readonly kept: number }
  /** Why a host cannot show this. */
  readonly cannot?: Readonly<Record<string, string>>
}

const NO_CONNECTION = 'there is no connection that could be cut before the response exists'
const NO_SOCKET = { 'Hono app.request': NO_CONNECTION, 'fetch as a function': NO_CONNECTION }
const ALL = { state: 'committed', kept: 10 } as const
const NOTHING = { state: 'refunded', kept: 0 } as const
const text = (status: number): Ending => ({ kind: 'text', status, body: 'text' })

const SCENARIOS: readonly Scenario[] = [
  { name: 'a finished 200 commits all', handle: () => text(200), status: 200, expected: ALL },
  { name: 'a redirect commits all', handle: () => text(303), status: 303, expected: ALL },
  { name: 'commit(3) commits 3', handle: (credits) => (credits.commit(3), text(200)), status: 200, expected: { state: 'committed', kept: 3 } },
  { name: 'commit(0) is a commit', handle: (credits) => (credits.commit(0), text(200)), status: 200, expected: { state: 'committed', kept: 0 } },
  { name: 'commit(99) is clamped to what was reserved', handle: (credits) => (credits.commit(99), text(200)), status: 200, expected: ALL },
  { name: 'refund() refunds a 200', handle: (credits) => (credits.refund(), text(200)), status: 200, expected: NOTHING },
  { name: 'a 404 refunds', handle: () => text(404), status: 404, expected: NOTHING },
  { name: 'a 500 refunds, commit(3) or not', handle: (credits) => (credits.commit(3), text(500)), status: 500, expected: NOTHING },
  { name: 'a thrown Error refunds', handle: () => ({ kind: 'throw', value: new Error('no') }), status: 500, expected: NOTHING },
  {
    name: 'a thrown string refunds',
    handle: () => ({ kind: 'throw', value: 'no' }),
    status: 500,
    expected: NOTHING,
    cannot: { 'Hono app.request': 'Hono hands a thrown non-Error to the caller: there is no response' },
  },
  { name: 'a thrown Error refunds when an error handler answers 200', route: { forgives: true }, handle: () => ({ kind: 'throw', value: new Error('no') }), status: 200, expected: NOTHING },
  {
    name: 'a thrown Error refunds when an error handler answers 200 and the guard stands on the router',
    route: { forgives: true, guardsRouter: true },
    handle: () => ({ kind: 'throw', value: new Error('no') }),
    status: 200,
    expected: NOTHING,
  },
  { name: 'a stream that ends commits all', handle: (credits) => ({ kind: 'stream', chunks: stream(credits, { chunks: 3, reports: false }) }), status: 200, expected: ALL },
  {
    name: 'a metered stream that ends commits its actual amount',
    options: { metered: true },
    handle: (credits) => ({
      kind: 'stream',
      chunks: (async function* () {
        yield* stream(credits, { chunks: 4, reports: true })
        credits.commit(4)
      })(),
    }),
    status: 200,
    expected: { state: 'committed', kept: 4 },
  },
  {
    name: 'a metered stream that ends without a last word commits what it reported',
    handle: (credits) => ({ kind: 'stream', chunks: stream(credits, { chunks: 3, reports: true }) }),
    status: 200,
    expected: { state: 'committed', kept: 3 },
  },
  {
    name: 'a stream that fails late refunds a fixed amount',
    handle: (credits) => ({ kind: 'stream', chunks: stream(credits, { chunks: 3, reports: false, fails: true }) }),
    expected: NOTHING,
  },
  {
    name: 'a stream that fails late commits what a metered one reported',
    handle: (credits) => ({ kind: 'stream', chunks: stream(credits, { chunks: 3, reports: true, fails: true }) }),
    expected: { state: 'committed', kept: 3 },
  },
  {
    name: 'a client that leaves after the first chunk pays a fixed amount in full',
    client: 'leaves after the first chunk',
    handle: (credits, gone) => ({ kind: 'stream', chunks: stream(credits, { chunks: 200, reports: false, gone }) }),
    expected: ALL,
  },
  {
    name: 'a client that leaves a metered stream pays what was reported',
    client: 'leaves after the first chunk',
    options: { metered: true },
    handle: (credits, gone) => {
      credits.report(2)
      return { kind: 'stream', chunks: stream(credits, { chunks: 200, reports: false, gone }) }
    },
    expected: { state: 'committed', kept: 2 },
  },
  {
    name: 'a client that leaves before the answer is refunded',
    client: 'leaves before the answer',
    handle: async (_credits, gone) => {
      await gone
      await sleep(20)
      return text(200)
    },
    expected: NOTHING,
    cannot: NO_SOCKET,
  },
  {
    name: 'a client that leaves before the answer pays what was reported',
    client: 'leaves before the answer',
    handle: async (credits, gone) => {
      credits.report(6)
      await gone
      await sleep(20)
      return text(200)
    },
    expected: { state: 'committed', kept: 6 },
    cannot: NO_SOCKET,
  },
  {
    name: 'a handler that never ends is refunded when its client leaves',
    client: 'leaves before the answer',
    handle: () => new Promise(() => undefined),
    expected: NOTHING,
    cannot: NO_SOCKET,
  },
  {
    name: 'a route may settle by its own rule',
    options: { settleBy: ({ status }, { reserved }) => (status === 422 ? { outcome: 'commit', amounts: { ai: (reserved['ai'] ?? 0) - 1 } } : { outcome: 'refund' }) },
    handle: () => text(422),
    status: 422,
    expected: { state: 'committed', kept: 9 },
  },
]

describe.each(HOSTS)('on $name', (host) => {
  async function arrange(route: Route) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 100, resetInDays: 30 })
    const lead = await addCredits(database, account, { type: 'lead', allotted: 5 })
    const client = await host.serve(guard, route)
    const token = await auth.signToken({ sub: account.user })
    const settled = async () => {
      const find = () => database.query<{ state: string }>('select state from creditgate.reservations where subscription_id = $1 order by id', [account.subscription])
      await expect.poll(find, { timeout: 5_000, interval: 10 }).not.toContainEqual({ state: 'open' })
      return (await find()).map(({ state }) => state)
    }
    return { client, token, row, lead, settled }
  }

  for (const scenario of SCENARIOS) {
    const reason = scenario.cannot?.[host.name]
    it.skipIf(reason !== undefined)(reason === undefined ? scenario.name : `${scenario.name} (${reason})`, async () => {
      let leave: () => void = () => undefined
      const gone = new Promise<void>((resolve) => (leave = resolve))
      let enter: () => void = () => undefined
      const entered = new Promise<void>((resolve) => (enter = resolve))
      const { client, token, row, settled } = await arrange({
        requires: [{ type: 'ai', amount: 10, ...(scenario.options === undefined ? {} : { options: scenario.options }) }],
        handle(credits) {
          enter()
          return Promise.resolve(scenario.handle(credits, gone))
        },
        ...scenario.route,
      })
      try {
        const kind = scenario.client ?? 'reads all'
        const response = await client.send(token, kind === 'reads all' ? { kind } : kind === 'leaves before the answer' ? { kind, when: entered, left: leave } : { kind, left: leave })
        if (scenario.status !== undefined) expect(response?.status).toBe(scenario.status)
        expect(await settled()).toEqual([scenario.expected.state])
        expect(await readUsed(database, row)).toBe(scenario.expected.kept)
      } finally {
        await client.close()
      }
    })
  }

  it('tells an admitted client what it has left', async () => {
    const { client, token } = await arrange({ requires: [{ type: 'ai', amount: 10 }], handle: () => Promise.resolve(text(200)) })
    const response = await client.send(token, { kind: 'reads all' })
    expect(response?.headers.get('Credits-Reservation')).toMatch(/^ai="[0-9a-f-]{36}"$/)
    expect(response?.headers.get('Credits-Remaining')).toBe('ai=90')
    expect(Number(response?.headers.get('Credits-Reset')?.replace('ai=', ''))).toBeGreaterThan(29 * 86_400)
    expect(response?.headers.get('Access-Control-Expose-Headers')).toBe('Credits-Reservation, Credits-Remaining, Credits-Reset')
    await client.close()
  })

  it('lets guards of different types stand on one route, and refunds the first when the second refuses', async () => {
    const { client, token, row, lead, settled } = await arrange({
      requires: [{ type: 'ai', amount: 10 }, { type: 'lead', amount: 3 }],
      handle: () => Promise.resolve(text(200)),
    })
    const first = await client.send(token, { kind: 'reads all' })
    expect(first).toMatchObject({ status: 200 })
    expect(first?.headers.get('Credits-Remaining')).toBe('ai=90, lead=2')
    expect(await settled()).toEqual(['committed', 'committed'])
    const second = await client.send(token, { kind: 'reads all' })
    expect(second).toMatchObject({ status: 402 })
    expect(JSON.parse(second?.body ?? '')).toEqual({
      type: 'urn:problem-type:creditgate:insufficient-credits', title: 'Not enough credits', status: 402, creditType: 'lead', required: 3, available: 2,
    })
    expect(second?.headers.get('Content-Type')).toBe('application/problem+json')
    expect(second?.headers.get('Cache-Control')).toBe('no-store')
    expect(await settled()).toEqual(['committed', 'committed', 'refunded'])
    expect([await readUsed(database, row), await readUsed(database, lead)]).toEqual([10, 3])
    await client.close()
  })

  it('answers 500 when a route requires one type twice, and charges nothing', async () => {
    const { client, token, row, settled } = await arrange({
      requires: [{ type: 'ai', amount: 1 }, { type: 'ai', amount: 2 }],
      handle: () => Promise.resolve(text(200)),
    })
    expect(await client.send(token, { kind: 'reads all' })).toMatchObject({ status: 500 })
    expect(await settled()).toEqual(['refunded'])
    expect(await readUsed(database, row)).toBe(0)
    await client.close()
  })

  it('lets HEAD and OPTIONS pass free and without a token', async () => {
    const { client, row, settled } = await arrange({
      requires: [{ type: 'ai', amount: 10 }],
      handle: (credits) => {
        credits.commit(5)
        return Promise.resolve(text(200))
      },
    })
    for (const method of ['HEAD', 'OPTIONS']) expect((await client.send('', { kind: 'reads all' }, { method }))?.status).toBe(200)
    expect(await settled()).toEqual([])
    expect(await readUsed(database, row)).toBe(0)
    await client.close()
  })

  it('refuses a bad token with 401 and does not run the handler', async () => {
    let ran = false
    const { client, token, settled } = await arrange({
      requires: [{ type: 'ai', amount: 10 }],
      handle: () => {
        ran = true
        return Promise.resolve(text(200))
      },
    })
    const response = await client.send(`${token.slice(0, -8)}AAAAAAAA`, { kind: 'reads all' })
    expect(response).toMatchObject({ status: 401 })
    expect(response?.headers.get('WWW-Authenticate')).toBe('Bearer error="invalid_token"')
    expect(ran).toBe(false)
    expect(await settled()).toEqual([])
    await client.close()
  })
})
