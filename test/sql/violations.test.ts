import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresLedger, type Ledger } from 'creditgate'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, expectNoViolations } from '../support/seed.ts'

/** The query that every other suite relies on sees what it is there to see. */

let database: Database
let ledger: Ledger
beforeAll(async () => {
  database = await createDatabase()
  ledger = postgresLedger(database.pool)
})
afterAll(() => database.drop())

async function reserveFrom(options: Parameters<typeof addCredits>[2], amount: number) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, options)
  const id = randomUUID()
  const [answer] = await ledger.reserve([{ id, user: account.user, amounts: { ai: amount }, lease: 60 }])
  expect(answer?.outcome).toBe('reserved')
  const list = () => database.query('select kind, used, expected::int, difference::int from creditgate.violations where row_id = $1', [row])
  return { account, row, id, list }
}

it("shows what another writer added to or took from a row's used", async () => {
  const { row, list } = await reserveFrom({ allotted: 100, used: 7 }, 10)
  expect(await list()).toEqual([])
  await database.query('update "AICredits" set used = used + 5 where id = $1', [row])
  expect(await list()).toEqual([{ kind: 'unbalanced', used: 22, expected: 17, difference: 5 }])
  await database.query('update "AICredits" set used = 0 where id = $1', [row])
  expect(await list()).toEqual([{ kind: 'unbalanced', used: 0, expected: 17, difference: -17 }])
  await database.query('update "AICredits" set used = 17 where id = $1', [row])
})

it('shows a row whose used has passed what it is allotted', async () => {
  const { row, list } = await reserveFrom({ allotted: 100 }, 60)
  await database.query('update "AICredits" set allotted = 50 where id = $1', [row])
  expect(await list()).toEqual([{ kind: 'over_allotted', used: 60, expected: 60, difference: 0 }])
  await database.query('update "AICredits" set allotted = 100 where id = $1', [row])
})

it('shows an allocation that nobody gave back', async () => {
  const { id, list } = await reserveFrom({ allotted: 100 }, 10)
  await database.query("update creditgate.reservations set state = 'refunded', ended_at = now(), allocations = '{}' where id = $1", [id])
  expect(await list()).toEqual([{ kind: 'unbalanced', used: 10, expected: 0, difference: 10 }])
  await database.query('delete from "AICredits" where used = 10')
})

it('writes down what a row had when it was first met, and what the end of its cycle took away', async () => {
  const { account, row } = await reserveFrom({ allotted: 100, used: 7, resetInDays: 10 }, 10)
  await ageCycle(database, row, 25)
  await ledger.reserve([{ id: randomUUID(), user: account.user, amounts: { ai: 1 }, lease: 60 }])
  expect(await database.query('select kind, cycle, amount from creditgate.adjustments where row_id = $1 order by id', [row])).toEqual([
    { kind: 'opening', cycle: 0, amount: 7 },
    { kind: 'reset', cycle: 0, amount: -17 },
  ])
  await expectNoViolations(database)
})
