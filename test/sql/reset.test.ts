import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

const readCycle = async (row: string) =>
  (await database.query<{ used: number; cycle: number; fresh: boolean }>("select used, cycle, cyclestart > clock_timestamp() - interval '1 minute' as fresh from creditgate.credit_rows where id = $1", [row]))[0]

async function arrangeUse(options: Parameters<typeof addCredits>[2]) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, options)
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60 })
  return { account, row, id, reset: { subscription: account.subscription, creditType: 'ai', key: 'invoice 1' } }
}

it('begins a new cycle for the rows that reset, once for a key', async () => {
  const { account, row, reset } = await arrangeUse({ allotted: 100, used: 5, resetInDays: 30 })
  await ageCycle(database, row, 29)
  const answer = { subscription: account.subscription, outcome: 'reset', creditType: 'ai', rows: 1 }
  expect(await call('reset', reset)).toEqual(answer)
  expect(await readCycle(row)).toEqual({ used: 0, cycle: 1, fresh: true })

  await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 3 }, lease: 60 })
  expect(await call('reset', reset)).toEqual(answer)
  expect(await readCycle(row)).toMatchObject({ used: 3, cycle: 1 })
  expect(await call('reset', { ...reset, key: 'invoice 2' })).toEqual(answer)
  expect(await readCycle(row)).toMatchObject({ used: 0, cycle: 2 })
})

it('delivered many times at once, it is done once', async () => {
  const { row, reset } = await arrangeUse({ allotted: 100, resetInDays: 30 })
  const answers = await Promise.all(Array.from({ length: 20 }, () => call('reset', reset)))
  expect(new Set(answers.map(({ rows }) => rows))).toEqual(new Set([1]))
  expect(await readCycle(row)).toMatchObject({ used: 0, cycle: 1 })
})

it('closes a cycle that was over first, so that it does not matter who touched the row before', async () => {
  const touched = await arrangeUse({ allotted: 100, resetInDays: 10 })
  const untouched = await arrangeUse({ allotted: 100, resetInDays: 10 })
  for (const { row } of [touched, untouched]) await ageCycle(database, row, 25)
  await call('reserve', { id: randomUUID(), user: touched.account.user, amounts: { ai: 1 }, lease: 60 })
  for (const { reset, row } of [touched, untouched]) {
    await call('reset', reset)
    expect(await readCycle(row)).toEqual({ used: 0, cycle: 3, fresh: true })
  }
})

it.each([null, 0])('leaves a row that never resets alone: resetindays %s', async (resetInDays) => {
  const { row, reset } = await arrangeUse({ allotted: 100, resetInDays })
  expect(await call('reset', reset)).toMatchObject({ outcome: 'reset', rows: 0 })
  expect(await readCycle(row)).toMatchObject({ used: 10, cycle: 0 })
})

it('leaves the other types and the other subscriptions alone', async () => {
  const { account, reset } = await arrangeUse({ allotted: 100, resetInDays: 30 })
  const lead = await addCredits(database, account, { type: 'lead', allotted: 10, resetInDays: 30 })
  await call('reserve', { id: randomUUID(), user: account.user, amounts: { lead: 4 }, lease: 60 })
  const other = await arrangeUse({ allotted: 100, resetInDays: 30 })
  await call('reset', reset)
  expect(await readUsed(database, lead)).toBe(4)
  expect(await readUsed(database, other.row)).toBe(10)
})

it.each(['commit', 'refund'] as const)('a %s of what was reserved before touches nothing in the new cycle', async (operation) => {
  const { account, row, id, reset } = await arrangeUse({ allotted: 100, resetInDays: 30 })
  await call('reset', reset)
  await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 7 }, lease: 60 })
  expect(await call(operation, operation === 'commit' ? { id, amounts: 2 } : { id })).toMatchObject({ outcome: operation === 'commit' ? 'committed' : 'refunded' })
  expect(await readUsed(database, row)).toBe(7)
})

it('of a row that was never drawn from writes down its opening figure', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100, used: 42, resetInDays: 30 })
  await call('reset', { subscription: account.subscription, creditType: 'ai', key: 'a' })
  expect(await readUsed(database, row)).toBe(0)
  expect(await database.query('select kind, cycle, amount from creditgate.adjustments where row_id = $1 order by id', [row])).toEqual([
    { kind: 'opening', cycle: 0, amount: 42 },
    { kind: 'reset', cycle: 0, amount: -42 },
  ])
})
