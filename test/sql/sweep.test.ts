import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** The sweep does what an operation would do for its own subscription, in bounded steps, and waits for nobody. */

let database: Database
beforeEach(async () => {
  database = await createDatabase()
})
afterEach(async () => {
  await expectNoViolations(database)
  await database.drop()
})
const { call } = createScenes(() => database)

async function arrangeDead({ reported }: { reported?: number } = {}) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60 })
  if (reported !== undefined) await call('extend', { id, lease: 60, reported: { ai: reported } })
  await endLease(database, id)
  return { account, row }
}

it('ends leases that are over, with what was reported', async () => {
  const silent = await arrangeDead()
  const told = await arrangeDead({ reported: 4 })
  const account = await createAccount(database)
  const alive = await addCredits(database, account)
  await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 60 })
  expect(await call('sweep', {})).toEqual({ outcome: 'swept', expired: 2, cycles: 0, more: false })
  expect([await readUsed(database, silent.row), await readUsed(database, told.row), await readUsed(database, alive)]).toEqual([0, 4, 10])
  expect(await call('sweep', {})).toEqual({ outcome: 'swept', expired: 0, cycles: 0, more: false })
})

it('closes cycles that are over, of rows it never met too', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100, used: 42, resetInDays: 10 })
  const topUp = await addCredits(database, account, { allotted: 100, used: 42 })
  for (const each of [row, topUp]) await ageCycle(database, each, 25)
  expect(await call('sweep', {})).toEqual({ outcome: 'swept', expired: 0, cycles: 1, more: false })
  expect(await database.query('select used, cycle from "AICredits" where id = $1', [row])).toEqual([{ used: 0, cycle: 2 }])
  expect(await readUsed(database, topUp)).toBe(42)
})

it('does at most so much in one step, and says whether there is more', async () => {
  for (let index = 0; index < 5; index += 1) await arrangeDead()
  expect(await call('sweep', { most: 3 })).toMatchObject({ expired: 3, more: true })
  expect(await call('sweep', { most: 3 })).toMatchObject({ expired: 2, more: false })
})

it('leaves what someone else has locked, does the rest at once, and comes back for it', async () => {
  const [stuck, busy, free] = [await arrangeDead(), await arrangeDead(), await arrangeDead()]
  const due = await createAccount(database)
  const dueRow = await addCredits(database, due, { used: 3, resetInDays: 1 })
  await ageCycle(database, dueRow, 2)

  const stranger = await database.pool.connect()
  try {
    await stranger.query('begin')
    await stranger.query('select from "AICredits" where id = any($1::uuid[]) for update', [`{${stuck.row},${dueRow}}`])
    await stranger.query('select creditgate.lock_subscription($1)', [busy.account.subscription])
    const started = performance.now()
    expect(await call('sweep', {})).toEqual({ outcome: 'swept', expired: 1, cycles: 0, more: false })
    expect(performance.now() - started).toBeLessThan(1_000)
    expect(await readUsed(database, free.row)).toBe(0)
  } finally {
    await stranger.query('rollback')
    stranger.release()
  }

  expect(await call('sweep', {})).toMatchObject({ expired: 2, cycles: 1 })
})

it('run many times at once, it ends each lease once', async () => {
  const rows = await Promise.all(Array.from({ length: 12 }, async () => (await arrangeDead()).row))
  const answers = await Promise.all(Array.from({ length: 6 }, () => call('sweep', {})))
  await call('sweep', {})
  expect(answers.reduce((sum, { expired }) => sum + Number(expired), 0)).toBeLessThanOrEqual(12)
  for (const row of rows) expect(await readUsed(database, row)).toBe(0)
})
