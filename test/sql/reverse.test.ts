import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes, type State } from './scene.ts'

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call, arrange } = createScenes(() => database)

describe('a reversal of 2', () => {
  it.each<readonly [State, Record<string, unknown>, number]>([
    ['no row', { outcome: 'not_found' }, 0],
    ['open', { outcome: 'conflict', state: 'open' }, 10],
    ['lease over', { outcome: 'expired' }, 0],
    ['lease over, 3 reported', { outcome: 'reversed', amounts: { ai: 2 }, returned: { ai: 2 } }, 1],
    ['committed', { outcome: 'reversed', amounts: { ai: 2 }, returned: { ai: 2 } }, 2],
    ['refunded', { outcome: 'refunded' }, 0],
    ['expired', { outcome: 'expired' }, 0],
    ['tombstone', { outcome: 'refunded' }, 0],
  ])('on %s answers %o, and the same again', async (state, expected, used) => {
    const { id, row } = await arrange(state)
    const first = await call('reverse', { id, key: 'ticket 1', amounts: 2 })
    expect(first).toEqual({ id, ...expected })
    expect(await call('reverse', { id, key: 'ticket 1', amounts: { ai: 2 } })).toEqual(first)
    expect(await readUsed(database, row)).toBe(used)
  })
})

it('gives back all that is left when no amount is given, and nothing when nothing is', async () => {
  const { id, row } = await arrange('committed')
  expect(await call('reverse', { id, key: 'a', amounts: 1 })).toMatchObject({ returned: { ai: 1 } })
  expect(await call('reverse', { id, key: 'b' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 3 }, returned: { ai: 3 } })
  expect(await call('reverse', { id, key: 'c' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 0 }, returned: { ai: 0 } })
  expect(await call('reverse', { id, key: 'b' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 3 } })
  expect(await readUsed(database, row)).toBe(0)
})

it('of more than is left answers exceeds with what is left', async () => {
  const { id, row } = await arrange('committed')
  await call('reverse', { id, key: 'a', amounts: 1 })
  expect(await call('reverse', { id, key: 'b', amounts: 4 })).toEqual({ id, outcome: 'exceeds', amounts: { ai: 3 } })
  expect(await readUsed(database, row)).toBe(3)
})

it('of one type of several gives back nothing of the others', async () => {
  const account = await createAccount(database)
  const rows = [await addCredits(database, account, { allotted: 9 }), await addCredits(database, account, { type: 'lead', allotted: 9 })]
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 5, lead: 3 }, lease: 60 })
  await call('commit', { id })
  expect(await call('reverse', { id, key: 'a', amounts: { ai: 2 } })).toEqual({ id, outcome: 'reversed', amounts: { ai: 2 }, returned: { ai: 2 } })
  expect(await Promise.all(rows.map((row) => readUsed(database, row)))).toEqual([3, 3])
  expect(await call('reverse', { id, key: 'b' })).toMatchObject({ amounts: { ai: 3, lead: 3 }, returned: { ai: 3, lead: 3 } })
})

it('under a key that was used for another amount answers conflict with what that key reversed', async () => {
  const { id, row } = await arrange('committed')
  await call('reverse', { id, key: 'a', amounts: 1 })
  for (const amounts of [2, undefined]) {
    expect(await call('reverse', { id, key: 'a', amounts })).toEqual({ id, outcome: 'conflict', state: 'committed', amounts: { ai: 1 } })
  }
  expect(await readUsed(database, row)).toBe(3)
})

it('leaves the commit as it was: the same commit again is committed', async () => {
  const { id } = await arrange('committed')
  await call('reverse', { id, key: 'a' })
  expect(await call('commit', { id, amounts: 4 })).toEqual({ id, outcome: 'committed', amounts: { ai: 4 } })
  expect(await call('refund', { id })).toEqual({ id, outcome: 'committed', amounts: { ai: 4 } })
})

it('gives back to the rows drawn last, and nothing to a row that has begun a new cycle', async () => {
  const account = await createAccount(database)
  const weekly = await addCredits(database, account, { allotted: 6, resetInDays: 7 })
  const topUp = await addCredits(database, account, { allotted: 10 })
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60 })
  await call('commit', { id })
  await call('reverse', { id, key: 'a', amounts: 3 })
  expect([await readUsed(database, weekly), await readUsed(database, topUp)]).toEqual([6, 1])

  await ageCycle(database, weekly, 8)
  await call('reset', { subscription: account.subscription, creditType: 'ai', key: 'next week' })
  await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 2 }, lease: 60 })
  expect(await call('reverse', { id, key: 'b' })).toMatchObject({ outcome: 'reversed', amounts: { ai: 7 }, returned: { ai: 1 } })
  expect([await readUsed(database, weekly), await readUsed(database, topUp)]).toEqual([2, 0])
})

it('counts nothing as returned in a cycle that is over, though nobody has closed it yet', async () => {
  const account = await createAccount(database)
  const weekly = await addCredits(database, account, { allotted: 6, resetInDays: 7 })
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 4 }, lease: 60 })
  await call('commit', { id })
  await ageCycle(database, weekly, 8)
  expect(await call('reverse', { id, key: 'a', amounts: 3 })).toMatchObject({ outcome: 'reversed', amounts: { ai: 3 }, returned: { ai: 0 } })
})

it('is done once, however many ask for it at once', async () => {
  const { id, row } = await arrange('committed')
  const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => call('reverse', { id, key: `key ${index % 4}`, amounts: 1 })))
  expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['reversed']))
  expect(await readUsed(database, row)).toBe(0)
  expect(await database.query("select from creditgate.adjustments where reservation_id = $1 and kind = 'reversal'", [id])).toHaveLength(4)
})
