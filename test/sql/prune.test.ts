import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** What is forgotten leaves the figures as they were. */

let database: Database
beforeEach(async () => {
  database = await createDatabase()
})
afterEach(async () => {
  await expectNoViolations(database)
  await database.drop()
})
const { call } = createScenes(() => database)

const age = (days: number) => database.query('update creditgate.reservations set ended_at = ended_at - make_interval(days => $1)', [days])
const count = async (table: string) => (await database.query(`select from creditgate.${table}`)).length

async function arrangeHistory() {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100, resetInDays: 30 })
  const topUp = await addCredits(database, account, { allotted: 100 })
  const spend = async (ai: number, how: 'commit' | 'refund' | 'nothing' = 'commit') => {
    const id = randomUUID()
    await call('reserve', { id, user: account.user, amounts: { ai }, lease: 60, idempotency: { key: id, fingerprint: 'f' } })
    if (how !== 'nothing') await call(how, { id })
    return id
  }
  return { account, row, topUp, spend }
}

it('deletes what ended long ago and nothing else, and what is kept stays kept', async () => {
  const { row, spend } = await arrangeHistory()
  await spend(5)
  await spend(6, 'refund')
  const open = await spend(7, 'nothing')
  await age(100)
  const recent = await spend(8)
  expect(await call('prune', {})).toEqual({ outcome: 'pruned', pruned: 2, more: false })
  expect((await database.query<{ id: string }>('select id from creditgate.reservations order by created_at')).map(({ id }) => id)).toEqual([open, recent])
  expect(await readUsed(database, row)).toBe(20)
  expect(await call('refund', { id: open })).toMatchObject({ outcome: 'refunded' })
  expect(await readUsed(database, row)).toBe(13)
})

it('carries what a row keeps in its present cycle over into one adjustment, however often it runs', async () => {
  const { row, spend } = await arrangeHistory()
  for (let round = 0; round < 3; round += 1) {
    await spend(5)
    await age(100)
    expect(await call('prune', {})).toMatchObject({ pruned: 1 })
    await expectNoViolations(database)
  }
  expect(await database.query("select amount from creditgate.adjustments where row_id = $1 and kind = 'pruned'", [row])).toEqual([{ amount: 15 }])
  await ageCycle(database, row, 31)
  await spend(1)
  expect(await readUsed(database, row)).toBe(1)
})

it('keeps the figures of a reservation that was reversed in part', async () => {
  const { row, spend } = await arrangeHistory()
  const id = await spend(10)
  await call('reverse', { id, key: 'a', amounts: 4 })
  await age(100)
  expect(await call('prune', {})).toMatchObject({ pruned: 1 })
  expect(await readUsed(database, row)).toBe(6)
  expect(await count('acts')).toBe(0)
  expect(await call('reverse', { id, key: 'a', amounts: 4 })).toMatchObject({ outcome: 'not_found' })
})

it('remembers what was reversed of a reservation that is still there', async () => {
  const { row, spend } = await arrangeHistory()
  const pruned = await spend(3)
  await age(100)
  const kept = await spend(5)
  await call('reverse', { id: kept, key: 'a' })
  await ageCycle(database, row, 31)
  await spend(1)
  await database.query("update creditgate.adjustments set made_at = made_at - interval '100 days'")
  expect(await call('prune', {})).toMatchObject({ pruned: 1 })
  expect(await call('commit', { id: pruned })).toMatchObject({ outcome: 'not_found' })
  expect(await call('reverse', { id: kept, key: 'b' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 0 } })
})

it('does not hide a row whose used has passed what it is allotted', async () => {
  const { row, topUp, spend } = await arrangeHistory()
  await spend(5)
  await age(100)
  await database.query('update "AICredits" set allotted = 1 where id = $1', [row])
  const shown = () => database.query('select kind from creditgate.violations where row_id = $1', [row])
  expect(await shown()).toEqual([{ kind: 'over_allotted' }])
  expect(await call('prune', {})).toMatchObject({ pruned: 1 })
  expect(await shown()).toEqual([{ kind: 'over_allotted' }])
  await database.query('delete from "AICredits" where id = any($1::uuid[])', [`{${row},${topUp}}`])
})

it('keeps nothing of cycles that are over but the opening figure', async () => {
  const { row, spend } = await arrangeHistory()
  await spend(10)
  await ageCycle(database, row, 31)
  await spend(1)
  await age(100)
  await database.query("update creditgate.adjustments set made_at = made_at - interval '100 days'")
  expect(await call('prune', {})).toMatchObject({ pruned: 2 })
  expect(await database.query('select kind, cycle, amount from creditgate.adjustments where row_id = $1 order by id', [row])).toEqual([
    { kind: 'opening', cycle: 0, amount: 0 },
    { kind: 'pruned', cycle: 1, amount: 1 },
  ])
})

it('does at most so much in one step, oldest first', async () => {
  const { spend } = await arrangeHistory()
  const ids = []
  for (let index = 0; index < 5; index += 1) {
    ids.push(await spend(1))
    await age(10)
  }
  expect(await call('prune', { olderThanDays: 5, most: 3 })).toMatchObject({ pruned: 3, more: true })
  expect((await database.query<{ id: string }>('select id from creditgate.reservations order by created_at')).map(({ id }) => id)).toEqual(ids.slice(3))
  expect(await call('prune', { olderThanDays: 5, most: 3 })).toMatchObject({ pruned: 2, more: false })
})

it('leaves a subscription that is busy for the next time', async () => {
  const { account, spend } = await arrangeHistory()
  await spend(1)
  await age(100)
  const other = await database.pool.connect()
  try {
    await other.query('begin')
    await other.query('select creditgate.lock_subscription($1)', [account.subscription])
    expect(await call('prune', {})).toMatchObject({ pruned: 0, more: false })
  } finally {
    await other.query('rollback')
    other.release()
  }
  expect(await call('prune', {})).toMatchObject({ pruned: 1 })
})

it('deletes tombstones, and what drew from rows that are gone', async () => {
  const { topUp, row, spend } = await arrangeHistory()
  await call('refund', { id: randomUUID() })
  await spend(5)
  await age(100)
  await database.query('delete from "AICredits" where id = any($1::uuid[])', [`{${row},${topUp}}`])
  expect(await call('prune', {})).toMatchObject({ pruned: 2 })
  expect(await count('reservations')).toBe(0)
})
