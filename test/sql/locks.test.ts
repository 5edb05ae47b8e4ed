import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** What a missing lock breaks shows in a race only now and then. Here the other one is made to be there first. */

let database: Database
let other: pg.PoolClient
beforeAll(async () => {
  database = await createDatabase()
})
beforeEach(async () => {
  other = await database.pool.connect()
  await other.query('begin')
})
afterEach(async () => {
  await other.query('rollback')
  other.release()
  await expectNoViolations(database)
})
afterAll(() => database.drop())

async function arrange() {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  const reserve = { id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 60 }
  return { account, row, reserve }
}

it.each(['reserve', 'commit', 'refund', 'extend', 'reverse', 'reset'])('a %s waits for whoever is alone with its subscription', async (operation) => {
  const { account, reserve } = await arrange()
  const { id, user } = reserve
  const requests: Record<string, object> = {
    reserve,
    commit: { id, user },
    refund: { id, user },
    extend: { id, user, lease: 60 },
    reverse: { id, user, key: 'k' },
    reset: { subscription: account.subscription, creditType: 'ai', key: 'k' },
  }
  await other.query('select creditgate.lock_subscription($1)', [account.subscription])
  const client = await database.pool.connect()
  try {
    await client.query("set lock_timeout = '200ms'")
    await expect(client.query(`select creditgate.${operation}($1::jsonb)`, [JSON.stringify(requests[operation])])).rejects.toMatchObject({ code: '55P03' })
  } finally {
    client.release(true)
  }
})

it('what another writer does to a row while a reserve waits for it is not lost', async () => {
  const { row, reserve } = await arrange()
  await other.query('update "AICredits" set used = used + 1 where id = $1', [row])
  const reserving = database.query('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify([reserve])])
  const waiting = () => database.query("select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
  await expect.poll(waiting, { interval: 10, timeout: 5_000 }).toHaveLength(1)
  await other.query('commit')
  expect(await reserving).toMatchObject([{ answer: [{ outcome: 'reserved', balances: { ai: { remaining: 89 } } }] }])
  expect(await readUsed(database, row)).toBe(11)
})
