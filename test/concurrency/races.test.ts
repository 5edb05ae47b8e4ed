import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { postgresLedger, type Ledger } from 'creditgate'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'

/** What must hold when operations meet on one reservation, one lease, one row. A real Postgres, 20 connections. */

let database: Database
let ledger: Ledger
beforeAll(async () => {
  database = await createDatabase()
  ledger = postgresLedger(database.pool)
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())

const times = <Result>(count: number, work: (index: number) => Promise<Result>) => Promise.all(Array.from({ length: count }, (_, index) => work(index)))

async function reserve(user: string, ai: number, id: string = randomUUID()) {
  const [answer] = await ledger.reserve([{ id, user, amounts: { ai }, lease: 60 }])
  return answer?.outcome
}

it('what dead processes held is given back once, however many find it at the same time', async () => {
  for (let round = 0; round < 5; round += 1) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 60 })
    const dead = await times(3, async () => {
      const id = randomUUID()
      expect(await reserve(account.user, 20, id)).toBe('reserved')
      return id
    })
    for (const id of dead) await endLease(database, id)
    const outcomes = await times(100, () => reserve(account.user, 1))
    expect(outcomes.filter((outcome) => outcome === 'reserved')).toHaveLength(60)
    expect(await readUsed(database, row)).toBe(60)
  }
})

it('a reservation settles once, whatever is asked of it at the same time', async () => {
  for (let round = 0; round < 20; round += 1) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 50, used: 0 })
    expect(await reserve(account.user, 25)).toBe('reserved')
    const id = randomUUID()
    expect(await reserve(account.user, 20, id)).toBe('reserved')
    if (round % 2 === 0) await endLease(database, id)
    const answers = await times(12, async (index) => {
      if (index % 3 === 0) return (await ledger.refund([{ id }]))[0]?.outcome
      if (index % 3 === 1) return (await ledger.commit([{ id, amounts: { ai: 5 } }]))[0]?.outcome
      return reserve(account.user, 20, id)
    })
    const [after] = await database.query<{ state: string }>('select state from creditgate.reservations where id = $1', [id])
    expect(await readUsed(database, row)).toBe(25 + (after?.state === 'committed' ? 5 : 0))
    for (const outcome of answers) expect([after?.state, 'reserved']).toContain(outcome)
  }
})

it('one reserve sent many times at once holds once', async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  const id = randomUUID()
  expect(new Set(await times(30, () => reserve(account.user, 10, id)))).toEqual(new Set(['reserved']))
  expect(await readUsed(database, row)).toBe(10)
})

it('a reserve and the refund that gave it up leave nothing held, in whichever order they arrive', async () => {
  for (let round = 0; round < 30; round += 1) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 100 })
    const id = randomUUID()
    await Promise.all(round % 2 === 0 ? [reserve(account.user, 10, id), ledger.refund([{ id, user: account.user }])] : [ledger.refund([{ id }]), reserve(account.user, 10, id)])
    expect(await readUsed(database, row)).toBe(0)
  }
})

it('what commits draw in addition is never oversold, while others reserve from the same row', async () => {
  for (let round = 0; round < 5; round += 1) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 100 })
    const open = await times(20, async () => {
      const id = randomUUID()
      expect(await reserve(account.user, 2, id)).toBe('reserved')
      return id
    })
    const [charges, outcomes] = await Promise.all([
      // Each is asked for twice at once.
      times(40, async (index) => {
        const [answer] = await ledger.commit([{ id: open[index % 20] ?? '', amounts: { ai: 5 }, more: true }])
        return answer?.outcome === 'committed' ? answer.amounts['ai'] : answer?.outcome
      }),
      times(60, () => reserve(account.user, 1)),
    ])
    const reserved = outcomes.filter((outcome) => outcome === 'reserved').length
    expect(charges.slice(20)).toEqual(charges.slice(0, 20))
    expect(charges.filter((charge) => charge !== 2 && charge !== 5)).toEqual([])
    const used = charges.slice(0, 20).reduce<number>((sum, charge) => sum + Number(charge), reserved)
    expect(used, 'less than what one more would draw is left').toBeGreaterThan(97)
    expect(used).toBeLessThanOrEqual(100)
    expect(await readUsed(database, row)).toBe(used)
  }
})

it("another writer's changes of the same row are neither lost nor oversold", async () => {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 200 })
  expect(await reserve(account.user, 0)).toBe('reserved')
  const [outcomes, increments] = await Promise.all([
    times(150, () => reserve(account.user, 1)),
    times(150, () => database.query('update "AICredits" set used = used + 1 where id = $1 and used < allotted returning id', [row])),
  ])
  const ours = outcomes.filter((outcome) => outcome === 'reserved').length
  const theirs = increments.flat().length
  expect(ours + theirs).toBe(200)
  expect(await readUsed(database, row)).toBe(200)
  const [violation] = await database.query<{ kind: string; difference: number }>('select kind, difference::int from creditgate.violations where row_id = $1', [row])
  expect(violation).toEqual({ kind: 'unbalanced', difference: theirs })
  await database.query('update "AICredits" set used = $2 where id = $1', [row, ours])
})

it('arrays over many subscriptions, in opposite orders at once, end without a deadlock', async () => {
  const accounts = await times(12, async () => {
    const account = await createAccount(database)
    await addCredits(database, account, { allotted: 1_000 })
    await addCredits(database, account, { type: 'lead', allotted: 1_000 })
    return account
  })
  const openBefore = await database.query("select from creditgate.reservations where state = 'open'")
  const readDeadlocks = async () => (await database.query<{ deadlocks: number }>('select deadlocks::int from pg_stat_database where datname = current_database()'))[0]?.deadlocks
  // An array waits for a busy subscription only so long: what came back as failed is asked for again, as a caller does.
  const untilNoneFailed = async <Request, Answer extends { outcome: string }>(requests: readonly Request[], ask: (requests: readonly Request[]) => Promise<readonly Answer[]>): Promise<void> => {
    const answers = await ask(requests)
    const failed = requests.filter((_, index) => answers[index]?.outcome === 'failed')
    expect(new Set(answers.map(({ outcome }) => outcome)).size).toBeLessThanOrEqual(failed.length > 0 ? 2 : 1)
    if (failed.length > 0) await untilNoneFailed(failed, ask)
  }
  const held = await times(60, async (index) => {
    const users = index % 2 === 0 ? accounts : accounts.toReversed()
    const requests = users.map(({ user }) => ({ id: randomUUID(), user, amounts: index % 2 === 0 ? { ai: 1, lead: 2 } : { lead: 2, ai: 1 }, lease: 60 }))
    await untilNoneFailed(requests, (some) => ledger.reserve(some))
    return requests.map(({ id }) => ({ id }))
  })
  expect(await database.query("select from creditgate.reservations where state = 'open'")).toHaveLength(720 + openBefore.length)
  await times(60, (index) => untilNoneFailed(index % 2 === 0 ? (held[index] ?? []) : (held[index] ?? []).toReversed(), (some) => ledger.refund(some)))
  const rows = await database.query<{ used: number }>('select used from creditgate.credit_rows where subscription_id = any($1::uuid[])', [`{${accounts.map(({ subscription }) => subscription).join(',')}}`])
  expect(rows.every(({ used }) => used === 0)).toBe(true)
  await database.query('select pg_stat_force_next_flush()')
  expect(await readDeadlocks()).toBe(0)
})
