import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** A commit that exceeds its reservation, where the request says that more may be drawn. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

async function arrange(allotted = 15, amounts: Record<string, number> = { ai: 10 }) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted })
  const lead = await addCredits(database, account, { type: 'lead', allotted: 3 })
  const request = { id: randomUUID(), user: account.user, amounts, lease: 60 }
  expect(await call('reserve', request)).toMatchObject({ outcome: 'reserved' })
  return { account, row, lead, id: request.id, request }
}

it('draws the rest, and the same call again changes nothing', async () => {
  const { row, id, request } = await arrange()
  const commit = { id, amounts: { ai: 13 }, more: true }
  expect(await call('commit', commit)).toEqual({ id, outcome: 'committed', amounts: { ai: 13 } })
  expect(await call('commit', commit)).toEqual({ id, outcome: 'committed', amounts: { ai: 13 } })
  expect(await readUsed(database, row)).toBe(13)
  expect(await call('reserve', request), 'its reserve, late').toMatchObject({ outcome: 'committed', amounts: { ai: 13 } })
})

it('charges what was reserved where there is not enough, and the answer says so, each time', async () => {
  const { row, id } = await arrange()
  for (let count = 0; count < 2; count += 1) expect(await call('commit', { id, amounts: { ai: 16 }, more: true })).toEqual({ id, outcome: 'committed', amounts: { ai: 10 } })
  expect(await readUsed(database, row)).toBe(10)
})

it('draws of several types all or nothing', async () => {
  const { row, lead, id } = await arrange(15, { ai: 10, lead: 2 })
  expect(await call('commit', { id, amounts: { ai: 11, lead: 4 }, more: true })).toMatchObject({ outcome: 'committed', amounts: { ai: 10, lead: 2 } })
  expect([await readUsed(database, row), await readUsed(database, lead)]).toEqual([10, 2])
  const other = await arrange(15, { ai: 10, lead: 2 })
  expect(await call('commit', { id: other.id, amounts: { ai: 5, lead: 3 }, more: true })).toMatchObject({ outcome: 'committed', amounts: { ai: 5, lead: 3 } })
  expect([await readUsed(database, other.row), await readUsed(database, other.lead)]).toEqual([5, 3])
})

it('commits less as ever, and without `more` nothing is exceeded', async () => {
  const { row, id } = await arrange()
  expect(await call('commit', { id, amounts: { ai: 11 } })).toMatchObject({ outcome: 'exceeds' })
  expect(await call('commit', { id, amounts: { ai: 4 }, more: true })).toMatchObject({ outcome: 'committed', amounts: { ai: 4 } })
  expect(await call('commit', { id, amounts: { ai: 5 }, more: true }), 'another amount').toMatchObject({ outcome: 'conflict', amounts: { ai: 4 } })
  expect(await readUsed(database, row)).toBe(4)
})

it('a reversal gives back also what was drawn in addition', async () => {
  const { row, id } = await arrange()
  await call('commit', { id, amounts: { ai: 15 }, more: true })
  expect(await call('reverse', { id, key: 'r' })).toMatchObject({ outcome: 'reversed', returned: { ai: 15 } })
  expect(await readUsed(database, row)).toBe(0)
})

it('drawn in a later cycle than its reserve, it is given back to each cycle by itself', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 15, resetInDays: 30 })
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60 })
  await ageCycle(database, row, 31)
  expect(await call('commit', { id, amounts: { ai: 14 }, more: true })).toMatchObject({ outcome: 'committed', amounts: { ai: 14 } })
  expect(await readUsed(database, row), 'of the new cycle').toBe(4)
  expect(await call('reverse', { id, key: 'a', amounts: { ai: 5 } })).toMatchObject({ outcome: 'reversed', returned: { ai: 4 } })
  expect(await call('reverse', { id, key: 'b' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 9 }, returned: { ai: 0 } })
  expect(await readUsed(database, row)).toBe(0)
})

it('travels in an array with others', async () => {
  const [first, second] = [await arrange(), await arrange()]
  const [answered] = await database.query<{ answer: object[] }>('select public.creditgate_commit($1::jsonb) as answer', [
    JSON.stringify([{ id: first.id, amounts: { ai: 12 }, more: true }, { id: second.id, amounts: { ai: 10 } }]),
  ])
  expect(answered?.answer).toEqual([{ id: first.id, outcome: 'committed', amounts: { ai: 12 } }, { id: second.id, outcome: 'committed', amounts: { ai: 10 } }])
  expect([await readUsed(database, first.row), await readUsed(database, second.row)]).toEqual([12, 10])
})
