import { connect, createServer, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, supabaseLedger, type GuardEvent, type Ledger } from 'creditgate'
import pg from 'pg'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { findFreePort } from '../support/postgres-server.ts'
import { startDataApi } from '../support/data-api.ts'
import { superuserUrl } from '../support/cluster.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { addCredits, createAccount, expectNoViolations, readUsed, type Account } from '../support/seed.ts'

let auth: AuthServer
let database: Database
let events: GuardEvent[]
beforeEach(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  events = []
})
afterEach(async () => {
  await database.drop()
  await auth.close()
})

function createTestGuard(ledger: Ledger) {
  return createGuard({ identity: supabaseJwt({ url: auth.url }), ledger, reserveTimeoutSeconds: 3, onEvent: (event) => events.push(event) })
}

async function admit(guard: ReturnType<typeof createTestGuard>, account: Account, amount = 1) {
  const token = await auth.signToken({ sub: account.user })
  return guard.requireCredits('ai', amount).admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} })
}

const fault = () => events.find((event) => event.type === 'fault')?.error.message

it('a missing migration is 500 for the caller, and a message with the command for the developer', async () => {
  const bare = await createDatabase('project')
  const api = await startDataApi(bare.url)
  try {
    for (const ledger of [postgresLedger(bare.pool), supabaseLedger(await api.createClient('service_role'))]) {
      events = []
      const guard = createTestGuard(ledger)
      expect(await admit(guard, await createAccount(database))).toMatchObject({
        outcome: 'denied',
        problem: { status: 500, body: { type: 'urn:problem-type:creditgate:server-error', title: 'The server cannot answer this request', status: 500 } },
      })
      expect(fault()).toContain('Run "npx creditgate init" and then "npx supabase db push".')
      await expect(guard.ready()).rejects.toMatchObject({ kind: 'set-up' })
    }
  } finally {
    await api.stop()
    await bare.drop()
  }
})

it('a database migrated for an older or newer package is refused with the command that mends it', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account)
  for (const [version, remedy] of [[SCHEMA_VERSION - 1, 'npx creditgate init'], [SCHEMA_VERSION + 1, 'Upgrade the creditgate package']] as const) {
    events = []
    await database.query('update creditgate.schema_versions set version = $1', [version])
    expect(await admit(createTestGuard(postgresLedger(database.pool)), account)).toMatchObject({ outcome: 'denied', problem: { status: 500 } })
    expect(fault()).toContain(remedy)
  }
  expect(await readUsed(database, row)).toBe(0)
})

it("a key that may not call the functions is named as such, and so is a credit type the database does not know", async () => {
  const api = await startDataApi(database.url)
  try {
    const account = await createAccount(database)
    expect(await admit(createTestGuard(supabaseLedger(await api.createClient('authenticated', account.user))), account)).toMatchObject({ problem: { status: 500 } })
    expect(fault()).toContain('use the secret (service_role) key')
    const guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), creditTypes: ['ai', 'export'] })
    await expect(guard.ready()).rejects.toThrow('the database has no credit type "export"; it has ai, lead, skipTrace')
  } finally {
    await api.stop()
  }
})

it('an unreachable database is 503 with Retry-After', async () => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: await findFreePort(), user: 'nobody', database: 'none' })
  const admission = await admit(createTestGuard(postgresLedger(pool)), await createAccount(database))
  expect(admission).toMatchObject({ outcome: 'denied', problem: { status: 503, name: 'credits-unavailable', headers: { 'Retry-After': '5' } } })
  await pool.end()
})

describe.each(['Postgres through pg', 'PostgREST through supabase-js'])('a row that someone keeps locked, over %s', (name) => {
  it('is 503 for its own subscription, and nobody else notices, however many ask for it', async () => {
    const fixture = await (LEDGERS[name] as () => Promise<LedgerFixture>)()
    const [stuck, other] = [await createAccount(fixture.database), await createAccount(fixture.database)]
    const row = await addCredits(fixture.database, stuck)
    await addCredits(fixture.database, other)
    const guard = createTestGuard(fixture.ledger)
    await guard.ready()

    const unlock = await lockRow(fixture.url, row)
    // Three times as many as there are connections.
    const refused = Array.from({ length: 30 }, () => admit(guard, stuck))
    for (let round = 0; round < 5; round += 1) {
      const started = performance.now()
      const admission = await admit(guard, other)
      expect(admission).toMatchObject({ outcome: 'admitted' })
      if (admission.outcome === 'admitted') await admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
      expect(performance.now() - started).toBeLessThan(1_000)
    }
    for (const admission of await Promise.all(refused)) expect(admission).toMatchObject({ outcome: 'denied', problem: { status: 503 } })
    await unlock()

    // What was given up may have arrived late; it was refunded by its id.
    await guard.close()
    await expect.poll(() => readUsed(fixture.database, row)).toBe(0)
    expect(await admit(guard, stuck, 100)).toMatchObject({ outcome: 'admitted' })
    await expectNoViolations(fixture.database)
    await fixture.close()
  })
})

/** Holds a row as another writer of the table would, on a connection of its own. */
async function lockRow(url: string, row: string): Promise<() => Promise<void>> {
  const stranger = new pg.Client({ connectionString: url })
  await stranger.connect()
  await stranger.query('begin')
  await stranger.query('select from "AICredits" where id = $1 for update', [row])
  return () => stranger.end()
}

describe.each([
  ['is read-only', 'set default_transaction_read_only = on', 'set default_transaction_read_only = off'],
  ['has no connection left', 'connection limit 0', 'connection limit -1'],
  ['runs out of time for each statement', "set statement_timeout = '50ms'", 'set statement_timeout = 0'],
])('a database that %s', (what, ill, well) => {
  it('is 503, writes nothing, and is well again when it is', async () => {
    const account = await createAccount(database)
    const row = await addCredits(database, account)
    const alter = async (setting: string) => {
      const superuser = new pg.Client({ connectionString: superuserUrl(Number(new URL(database.url).port), 'postgres') })
      await superuser.connect()
      await superuser.query(`alter database ${database.name} ${setting}`)
      await superuser.end()
    }
    // A setting of the database holds for connections made after it.
    const admitOnce = async (amount: number) => {
      const pool = new pg.Pool({ connectionString: database.url, max: 1 })
      pool.on('connect', (client) => client.on('error', () => undefined)) // the database is dropped while it says goodbye
      const admission = await admit(createTestGuard(postgresLedger(pool)), account, amount)
      await pool.end()
      return admission
    }
    const unlock = what.startsWith('runs out') ? await lockRow(database.url, row) : () => Promise.resolve()
    await alter(ill)
    expect(await admitOnce(1)).toMatchObject({ outcome: 'denied', problem: { status: 503, name: 'credits-unavailable' } })
    expect(events.at(0)).toMatchObject({ type: 'fault', error: { kind: 'not-executed' } })
    await alter(well)
    await unlock()
    expect(await readUsed(database, row)).toBe(0)
    expect(await admitOnce(100)).toMatchObject({ outcome: 'admitted' })
  })
})

it.each([
  ['a day ahead', 86_400_000],
  ['a day behind', -86_400_000],
])('a system clock that is %s, or is set while a call runs, changes nothing', async (_how, offset) => {
  const account = await createAccount(database)
  const row = await addCredits(database, account)
  const user = { id: account.user, anonymous: false, clientId: undefined, claims: {} }
  const guard = createGuard({ identity: { verify: () => Promise.resolve({ outcome: 'verified', user }) }, ledger: postgresLedger(database.pool), leaseSeconds: 3, onEvent: (event) => events.push(event) })
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + offset })
  try {
    const admission = await guard.requireCredits('ai', 10).admit({ method: 'POST', authorization: 'Bearer t', context: {} })
    if (admission.outcome !== 'admitted') throw new Error('not admitted')
    vi.setSystemTime(Date.now() - 2 * offset)
    await new Promise((resolve) => setTimeout(resolve, 3_500)) // longer than the lease: it must have been renewed
    admission.credits.commit(4)
    await database.query('alter function public.creditgate_commit(jsonb) rename to creditgate_commit_away')
    const settled = admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
    vi.setSystemTime(Date.now() + 2 * offset)
    await new Promise((resolve) => setTimeout(resolve, 300))
    await database.query('alter function public.creditgate_commit_away(jsonb) rename to creditgate_commit')
    await settled
  } finally {
    vi.useRealTimers()
  }
  expect(await readUsed(database, row)).toBe(4)
  expect(events.map(({ type }) => type)).toEqual(['reserved', 'settled'])
})

it('a connection whose other end is gone without a word is closed in time, and its pool is well again', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account)
  const { port } = new URL(database.url)
  let swallows = false
  const hole = createServer((client) => {
    const upstream = connect(Number(port), '127.0.0.1')
    client.on('data', (chunk) => swallows || upstream.write(chunk))
    upstream.on('data', (chunk) => client.write(chunk))
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) socket.on('error', () => undefined).on('close', () => other.destroy())
  })
  await new Promise<void>((resolve) => hole.listen(0, '127.0.0.1', resolve))
  const pool = new pg.Pool({ connectionString: database.url.replace(port, String((hole.address() as AddressInfo).port)), max: 2 })
  pool.on('error', () => undefined)
  const guard = createTestGuard(postgresLedger(pool))
  await guard.ready()
  await Promise.all([pool.query('select'), pool.query('select')])

  swallows = true
  expect(await Promise.all([admit(guard, account), admit(guard, account)])).toMatchObject([{ problem: { status: 503 } }, { problem: { status: 503 } }])
  swallows = false
  await expect.poll(async () => (await admit(guard, account)).outcome, { timeout: 15_000 }).toBe('admitted')
  expect(await guard.close({ withinSeconds: 0.1 })).toBeLessThanOrEqual(1)
  expect(await readUsed(database, row)).toBe(1)
  await pool.end()
  hole.close()
})

it('settles in the background through an outage, and drains on close', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account)
  const guard = createTestGuard(postgresLedger(database.pool))
  const admission = await admit(guard, account, 10)
  await database.query('revoke execute on function public.creditgate_commit(jsonb) from postgres')
  await database.query('alter function public.creditgate_commit(jsonb) rename to creditgate_commit_away')
  if (admission.outcome !== 'admitted') throw new Error('not admitted')
  admission.credits.commit(4)
  const settled = admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
  expect(await guard.close({ withinSeconds: 0.3 })).toBe(1)
  expect(await readUsed(database, row)).toBe(10)
  await database.query('alter function public.creditgate_commit_away(jsonb) rename to creditgate_commit')
  await database.query('grant execute on function public.creditgate_commit(jsonb) to postgres')
  expect(await guard.close()).toBe(0)
  await settled
  expect(await readUsed(database, row)).toBe(4)
  expect(events).toContainEqual(expect.objectContaining({ type: 'settled', outcome: 'committed', amounts: { ai: 4 } }))
})

it('close waits for calls that are admitted and not settled yet', async () => {
  const account = await createAccount(database)
  await addCredits(database, account)
  const guard = createTestGuard(postgresLedger(database.pool))
  const admission = await admit(guard, account, 10)
  if (admission.outcome !== 'admitted') throw new Error('not admitted')
  expect(await guard.close({ withinSeconds: 0.1 })).toBe(1)
  const closed = guard.close()
  await admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
  expect(await closed).toBe(0)
})

it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1_000_001, '3', null, undefined, {}])(
  'an amount computed as %s is 400, reserves nothing and reports no fault',
  async (amount) => {
    const account = await createAccount(database)
    const row = await addCredits(database, account)
    const gate = createTestGuard(postgresLedger(database.pool)).requireCredits('ai', () => amount as number)
    const authorization = `Bearer ${await auth.signToken({ sub: account.user })}`
    expect(await gate.admit({ method: 'POST', authorization, context: {} })).toMatchObject({ outcome: 'denied', problem: { status: 400, name: 'invalid-request' } })
    expect(events.map(({ type }) => type)).toEqual(['denied'])
    expect(await readUsed(database, row)).toBe(0)
  },
)

it('what the amount function throws is handed to the host, and nothing is reserved', async () => {
  const account = await createAccount(database)
  const gate = createTestGuard(postgresLedger(database.pool)).requireCredits('ai', () => {
    throw new RangeError('no such export')
  })
  const authorization = `Bearer ${await auth.signToken({ sub: account.user })}`
  await expect(gate.admit({ method: 'POST', authorization, context: {} })).rejects.toThrow(RangeError)
  expect(await database.query('select from creditgate.reservations')).toEqual([])
})

it('an admission settles once, by the first outcome that is reported', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account)
  const admission = await admit(createTestGuard(postgresLedger(database.pool)), account, 10)
  if (admission.outcome !== 'admitted') throw new Error('not admitted')
  const facts = { status: 200, threw: false, started: true } as const
  await Promise.all([admission.settle({ ...facts, ended: 'finished' }), admission.settle({ ...facts, ended: 'failed' })])
  expect(await readUsed(database, row)).toBe(10)
  expect(events.map(({ type }) => type)).toEqual(['reserved', 'settled'])
})

it('the first call of a process waits no longer than any other, although the schema is checked before it', async () => {
  const ledger = postgresLedger(database.pool)
  const slow: Ledger = {
    ...ledger,
    version: async () => {
      await new Promise((resolve) => setTimeout(resolve, 2_500))
      return ledger.version()
    },
    reserve: (_requests, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => {
          reject(new Error('too late'))
        })
      }),
  }
  const started = performance.now()
  expect(await admit(createTestGuard(slow), await createAccount(database))).toMatchObject({ outcome: 'denied', problem: { status: 503 } })
  expect(performance.now() - started).toBeLessThan(4_500)
})
