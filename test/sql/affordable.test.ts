import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** Less than asked for, where the request says that it will do. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

async function arrange() {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { type: 'lead', allotted: 37 })
  const request = (overrides: Record<string, unknown> = {}) => ({ id: randomUUID(), user: account.user, amounts: { lead: 50 }, lease: 60, least: { lead: 10 }, ...overrides })
  return { account, row, request }
}

it('what is left is reserved, and the answer says how much it is', async () => {
  const { row, request } = await arrange()
  const asked = request()
  expect(await call('reserve', asked)).toMatchObject({ outcome: 'reserved', amounts: { lead: 37 }, balances: { lead: { remaining: 0 } } })
  expect(await readUsed(database, row)).toBe(37)
  expect(await call('reserve', asked), 'asked again').toMatchObject({ outcome: 'reserved', amounts: { lead: 37 } })
  expect(await call('reserve', { ...asked, amounts: { lead: 37 } }), 'another request with the same id').toMatchObject({ outcome: 'conflict' })
  expect(await call('commit', { id: asked.id, amounts: { lead: 30 } })).toMatchObject({ outcome: 'committed' })
  expect(await readUsed(database, row)).toBe(30)
})

it('all of it is reserved where there is enough', async () => {
  const { request } = await arrange()
  expect(await call('reserve', request({ amounts: { lead: 20 } }))).toMatchObject({ outcome: 'reserved', amounts: { lead: 20 } })
})

it('less than the least is insufficient, and the least is what is required', async () => {
  const { row, request } = await arrange()
  expect(await call('reserve', request({ least: { lead: 38 } }))).toMatchObject({ outcome: 'insufficient', required: 38, available: 37 })
  expect(await call('reserve', request({ least: { lead: 37 } }))).toMatchObject({ outcome: 'reserved', amounts: { lead: 37 } })
  expect(await call('reserve', request({ least: { lead: 1 } }))).toMatchObject({ outcome: 'insufficient', required: 1, available: 0 })
  expect(await readUsed(database, row)).toBe(37)
})

it('a type without a least must be had in full', async () => {
  const { account, row, request } = await arrange()
  const ai = await addCredits(database, account, { allotted: 1 })
  expect(await call('reserve', request({ amounts: { ai: 2, lead: 50 } }))).toMatchObject({ outcome: 'insufficient', creditType: 'ai', required: 2, available: 1 })
  expect(await call('reserve', request({ amounts: { ai: 1, lead: 50 } }))).toMatchObject({ outcome: 'reserved', amounts: { ai: 1, lead: 37 } })
  expect([await readUsed(database, row), await readUsed(database, ai)]).toEqual([37, 1])
})

it('a least that is none is refused', async () => {
  const { request } = await arrange()
  for (const least of [{}, { lead: -1 }, { lead: '1' }, 5, null]) expect(await call('reserve', request({ least }))).toMatchObject({ outcome: 'invalid' })
})

it('travels in an array with others, and takes its turn', async () => {
  const { account, row, request } = await arrange()
  const plain = () => ({ id: randomUUID(), user: account.user, amounts: { lead: 10 }, lease: 60 })
  const [answered] = await database.query<{ answer: { outcome: string; amounts?: { lead: number } }[] }>('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify([plain(), request(), plain()])])
  expect(answered?.answer.map(({ outcome, amounts }) => [outcome, amounts?.lead])).toEqual([['reserved', 10], ['reserved', 27], ['insufficient', undefined]])
  expect(await readUsed(database, row)).toBe(37)
})
