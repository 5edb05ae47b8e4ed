import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** What others do to a row while something of it is held. Each way to end is met, and theirs stands. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())
const { call } = createScenes(() => database)

const ENDS = ['commit', 'commit of a part', 'refund', 'expiry', 'reversal'] as const

async function hold(ai = 10) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100, resetInDays: 30 })
  const id = randomUUID()
  expect(await call('reserve', { id, user: account.user, amounts: { ai }, lease: 60 })).toMatchObject({ outcome: 'reserved' })
  return { account, row, id }
}

async function end(id: string, how: (typeof ENDS)[number]): Promise<string> {
  if (how === 'expiry') await endLease(database, id)
  if (how === 'reversal') await call('commit', { id })
  if (how === 'reversal') return (await call('reverse', { id, key: 'k' })).outcome
  const answer = how === 'commit' ? await call('commit', { id }) : how === 'commit of a part' ? await call('commit', { id, amounts: 4 }) : await call('refund', { id })
  return answer.outcome
}
const OUTCOMES = { 'commit': 'committed', 'commit of a part': 'committed', 'refund': 'refunded', 'expiry': 'expired', 'reversal': 'reversed' }
const KEPT = { 'commit': 10, 'commit of a part': 4, 'refund': 0, 'expiry': 0, 'reversal': 0 }

describe.each(ENDS)('before a %s', (how) => {
  it('the row is deleted: there is nothing to give back to', async () => {
    const { row, id } = await hold()
    await database.query('delete from "AICredits" where id = $1', [row])
    expect(await end(id, how)).toBe(OUTCOMES[how])
    await expectNoViolations(database)
  })

  it('the row is topped up in place: the new allotment stands', async () => {
    const { row, id } = await hold()
    await database.query('update "AICredits" set allotted = allotted + 50 where id = $1', [row])
    expect(await end(id, how)).toBe(OUTCOMES[how])
    expect(await database.query('select allotted, used from "AICredits" where id = $1', [row])).toEqual([{ allotted: 150, used: KEPT[how] }])
    await expectNoViolations(database)
  })

  it('the plan becomes smaller than what is held: nothing more can be spent, and what is held ends as ever', async () => {
    const { account, row, id } = await hold()
    await database.query('update "AICredits" set allotted = 5, resetindays = 7 where id = $1', [row])
    expect(await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 1 }, lease: 60 })).toMatchObject({ outcome: 'insufficient', available: 0 })
    expect(await end(id, how)).toBe(OUTCOMES[how])
    expect(await readUsed(database, row)).toBe(KEPT[how])
    await database.query('delete from "AICredits" where id = $1', [row])
  })

  it('an old cron job sets used to 0: it never goes below, and the difference is shown as theirs', async () => {
    const { row, id } = await hold()
    await database.query('update "AICredits" set used = 0 where id = $1', [row])
    expect(await end(id, how)).toBe(OUTCOMES[how])
    expect(await readUsed(database, row)).toBe(0)
    const shown = await database.query<{ kind: string; difference: number }>('select kind, difference::integer from creditgate.violations where row_id = $1', [row])
    expect(shown).toEqual(KEPT[how] === 0 ? [] : [{ kind: 'unbalanced', difference: -KEPT[how] }])
    await database.query('delete from "AICredits" where id = $1', [row])
  })

  it('the user changes to another subscription: it ends in the one it was drawn from', async () => {
    const { account, row, id } = await hold()
    const next = randomUUID()
    await database.query('update "UserProfileSubscription" set status = $2 where id = $1', [account.subscription, 'canceled'])
    await database.query('insert into "UserProfileSubscription" (id, userid, status) values ($1, $2, $3)', [next, account.user, 'active'])
    const other = await addCredits(database, { user: account.user, subscription: next })
    expect(await end(id, how)).toBe(OUTCOMES[how])
    expect([await readUsed(database, row), await readUsed(database, other)]).toEqual([KEPT[how], 0])
    await expectNoViolations(database)
  })
})

it('credits added while others are held can be spent at once', async () => {
  const { account, id } = await hold(100)
  expect(await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 50 }, lease: 60 })).toMatchObject({ outcome: 'insufficient' })
  const added = await addCredits(database, account, { allotted: 50 })
  expect(await call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 50 }, lease: 60 })).toMatchObject({ outcome: 'reserved' })
  await call('refund', { id })
  expect(await readUsed(database, added)).toBe(50)
  await expectNoViolations(database)
})
