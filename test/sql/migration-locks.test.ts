import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, type Account } from '../support/seed.ts'

/**
 * A migration gets through a database in use at its first attempt, whatever it meets in the middle: each statement of
 * people's and each call is stopped at each of our tables and views in turn, and the migration starts while it waits there.
 */

type Statement = readonly [text: string, values: readonly unknown[]]

let database: Database
let account: Account
beforeAll(async () => {
  database = await createDatabase()
  account = await createAccount(database)
  await addCredits(database, account, { allotted: 1000 })
})
afterAll(async () => {
  await expectNoViolations(database)
  await database.drop()
})

const call = (operation: string, requests: readonly object[]): Statement => [`select creditgate_${operation}($1::jsonb)`, [JSON.stringify(requests)]]
const reserves = (count: number, more: object = {}) => Array.from({ length: count }, () => ({ id: randomUUID(), user: account.user, amounts: { ai: 1 }, lease: 900, ...more }))
async function open(count: number, more: object = {}) {
  const requests = reserves(count, more)
  await database.query(...call('reserve', requests))
  return requests.map(({ id, user }) => ({ id, user }))
}
const keyed = () => ({ idempotency: { key: randomUUID(), fingerprint: 'f' } })
const response = { status: 200, headers: {}, body: 'dGV4dA==' }
async function committed() {
  const [request] = await open(1)
  await database.query(...call('commit', [{ id: request?.id }]))
  return request?.id
}

const STATEMENTS: Readonly<Record<string, () => Promise<Statement> | Statement>> = {
  'a reserve': () => call('reserve', reserves(1, keyed())),
  'several reserves': () => call('reserve', reserves(8)),
  'a commit with its response': async () => call('commit', (await open(1, keyed())).map(({ id }) => ({ id, response }))),
  'several commits': async () => call('commit', (await open(8)).map(({ id }) => ({ id }))),
  'several refunds': async () => call('refund', await open(8)),
  'a refund that comes first': () => call('refund', [{ id: randomUUID(), user: account.user }]),
  'an extend': async () => call('extend', (await open(1)).map(({ id }) => ({ id, lease: 900 }))),
  'a reversal': async () => call('reverse', [{ id: await committed(), key: 'ticket', amounts: { ai: 1 } }]),
  'a reset': () => call('reset', [{ subscription: account.subscription, creditType: 'ai', key: randomUUID() }]),
  'a balance': () => ['select creditgate_balance_of($1)', [account.user]],
  'a history': () => ['select creditgate_history($1, 5)', [account.user]],
  'a look at the violations': () => ['select * from creditgate.violations', []],
  'a look at the allocations': () => ['select * from creditgate.allocations', []],
  'a look at the credit rows': () => ['select * from creditgate.credit_rows', []],
}

const countWaiting = async () => (await database.query("select from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database() and not l.granted and l.locktype = 'relation'")).length
const migration = assembleMigration().replace('1..100', '1..1').replace('attempt = 100', 'attempt = 1').replace("'100ms'", "'900ms'")

/** @returns whether the statement came by the relation at all. */
async function meet([text, values]: Statement, lock: string, [keeper, runner, migrator]: readonly pg.PoolClient[]): Promise<boolean> {
  await keeper?.query(`begin; ${lock}`)
  const ended = { value: false }
  const running = runner?.query(text, [...values]).finally(() => { ended.value = true })
  await vi.waitUntil(async () => ended.value || await countWaiting() === 1, { interval: 5 })
  const met = !ended.value
  const migrating = met ? migrator?.query(migration) : undefined
  if (met) await vi.waitUntil(async () => await countWaiting() === 2, { interval: 5 })
  await keeper?.query('rollback')
  await Promise.all([running, migrating])
  return met
}

it.each(Object.keys(STATEMENTS))('a migration that meets %s waits for it once, wherever it is', async (name) => {
  const relations = await database.query<{ lock: string }>(`
    select format(case relkind when 'v' then 'alter view %1$s set (security_invoker = true)' else 'lock table %1$s in access exclusive mode' end, oid::regclass) as lock
    from pg_class where relnamespace = 'creditgate'::regnamespace and relkind in ('r', 'v')`)
  const clients = await Promise.all([0, 1, 2].map(() => database.pool.connect()))
  try {
    let met = 0
    for (const { lock } of relations) {
      if (await meet(await STATEMENTS[name]?.() ?? ['', []], lock, clients)) met += 1
    }
    expect(met).toBeGreaterThan(0)
  } finally {
    for (const client of clients) client.release()
  }
})
