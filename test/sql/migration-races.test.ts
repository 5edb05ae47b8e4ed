import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { readCatalog } from '../support/catalog.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** As many processes as may start at once, each of which migrates first. */
const AT_ONCE = 20

let database: Database
beforeEach(async () => {
  database = await createDatabase('project')
})
afterEach(() => database.drop())
const { call } = createScenes(() => database)
const readEarlier = (version: number) => readFileSync(new URL(`earlier/schema-${version}.sql`, import.meta.url), 'utf8')

/** Starts them all, each on a connection of its own that is there already. */
async function migrateAtOnce(count: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: count }, () => database.pool.connect()))
  const runs = await Promise.allSettled(clients.map((client) => client.query(assembleMigration())))
  for (const client of clients) client.release()
  expect(runs.filter(({ status }) => status === 'rejected')).toEqual([])
}

/** What one run makes of a database that was set up the same way. */
async function readSingleRun(setup: string): Promise<string> {
  const other = await createDatabase('project')
  try {
    await other.query(setup)
    await other.query(assembleMigration())
    return await readCatalog(other)
  } finally {
    await other.drop()
  }
}

/** Calls, and people who read the views: each locks tables in an order of its own, none may be ended as a deadlock's victim. */
function startTraffic(user: string) {
  const pool = new pg.Pool({ connectionString: database.url, max: 6 })
  const failures: { readonly code?: string }[] = []
  let [calls, running] = [0, true]
  const attempt = async (text: string, values: readonly unknown[] = []) => {
    calls += 1
    await pool.query(text, [...values]).catch((error: unknown) => failures.push(error as { readonly code?: string }))
  }
  const work = async () => {
    while (running) {
      const id = randomUUID()
      await attempt('select creditgate_reserve($1::jsonb)', [JSON.stringify([{ id, user, amounts: { ai: 1 }, lease: 60 }])])
      await attempt('select creditgate_refund($1::jsonb)', [JSON.stringify([{ id }])])
    }
  }
  const look = async () => {
    while (running) await attempt('select * from creditgate.violations')
  }
  const all = Promise.all([work(), work(), work(), look(), look(), look()])
  return {
    async stop() {
      running = false
      await all
      await pool.end()
      return { calls, failures }
    },
  }
}

it(`${AT_ONCE} migrations at once make of an empty project what one makes`, async () => {
  await migrateAtOnce(AT_ONCE)
  expect(await readCatalog(database)).toBe(await readSingleRun('select'))
})

async function arrangeOpen(version: number) {
  await database.query(readEarlier(version))
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 1000 })
  const open = Array.from({ length: 10 }, () => randomUUID())
  for (const id of open) await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 900 })
  const expectSettles = async () => {
    for (const [index, id] of open.entries()) {
      expect(await call(index % 2 === 0 ? 'commit' : 'refund', { id })).toMatchObject({ outcome: index % 2 === 0 ? 'committed' : 'refunded' })
    }
    expect(await readUsed(database, row)).toBe(50)
    await expectNoViolations(database)
  }
  return { account, expectSettles }
}

it.each([1, 2, 3, 4])(`${AT_ONCE} migrations at once make of version %i what one makes, and what is open is settled`, async (version) => {
  const { expectSettles } = await arrangeOpen(version)
  await migrateAtOnce(AT_ONCE)
  expect(await readCatalog(database)).toBe(await readSingleRun(readEarlier(version)))
  await expectSettles()
})

it('migrations of a database in use deadlock with nobody', async () => {
  const { account, expectSettles } = await arrangeOpen(2)
  const traffic = startTraffic(account.user)
  await migrateAtOnce(4)
  const { calls, failures } = await traffic.stop()
  expect(calls).toBeGreaterThan(0)
  expect(failures.filter(({ code }) => code === '40P01')).toEqual([])
  expect(await readCatalog(database)).toBe(await readSingleRun(readEarlier(2)))
  await expectSettles()
})

it.each([1, 2, 3, 4])('a call that waits for a migration of version %i, with the functions of before it, is answered', async (version) => {
  await database.query(readEarlier(version))
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 1000 })
  const reserve = () => ({ id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 900 })
  const [committed, refunded, extended] = [reserve(), reserve(), reserve()]
  for (const request of [committed, refunded, extended]) await call('reserve', request)

  const migrating = await database.pool.connect()
  try {
    await migrating.query('begin')
    await migrating.query(assembleMigration())
    const waiting = [call('reserve', reserve()), call('commit', { id: committed.id }), call('refund', { id: refunded.id }), call('extend', { id: extended.id, lease: 60 })]
    const countWaiting = async () => (await database.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")).length
    await vi.waitFor(async () => { expect(await countWaiting()).toBe(waiting.length) })
    await migrating.query('commit')
    expect((await Promise.all(waiting)).map(({ outcome }) => outcome)).toEqual(['reserved', 'committed', 'refunded', 'extended'])
  } finally {
    migrating.release()
  }
  await expectNoViolations(database)
})

it('a migration gives up on a table that someone keeps, says what to look for, and changes nothing', async () => {
  await database.query(readEarlier(2))
  const before = await readCatalog(database)
  const stranger = await database.pool.connect()
  try {
    await stranger.query('begin; select from creditgate.reservations')
    const migration = assembleMigration().replace('1..100', '1..2').replace('attempt = 100', 'attempt = 2')
    await expect(database.query(migration)).rejects.toMatchObject({ code: '55P03', message: expect.stringContaining('creditgate.reservations') as unknown, hint: expect.stringContaining('pg_stat_activity') as unknown })
  } finally {
    await stranger.query('rollback')
    stranger.release()
  }
  expect(await readCatalog(database)).toBe(before)
})
