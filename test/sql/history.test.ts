import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations } from '../support/seed.ts'
import { createScenes, type State } from './scene.ts'

/** What people who look after others are told: `creditgate_history` and `creditgate_balance_of`. */

interface Entry {
  readonly what: string
  readonly amounts: Readonly<Record<string, number>>
  readonly id: string
  readonly user: string | null
}

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call, arrange } = createScenes(() => database)

async function readHistory(subject: string, most?: number) {
  const given = most === undefined ? [subject] : [subject, most]
  const [row] = await database.query<{ answer: { subscription: string | null; entries: Entry[] } }>(`select creditgate_history(${given.map((_, index) => `$${index + 1}`).join(', ')}) as answer`, given)
  return (row as { answer: { subscription: string | null; entries: Entry[] } }).answer
}
/** Moves a reservation, as if it had begun and ended so many minutes ago. */
async function move(id: string, begun: number, ended: number): Promise<void> {
  await database.query("update creditgate.reservations set created_at = clock_timestamp() - make_interval(mins => $2), ended_at = clock_timestamp() - make_interval(mins => $3) where id = $1", [id, begun, ended])
}

describe('creditgate_history', () => {
  it.each<[State, string, number]>([['open', 'open', 10], ['committed', 'committed', 4], ['refunded', 'refunded', 10], ['expired', 'expired', 10]])('tells of a reservation that is %s by subscription and by user', async (state, what, ai) => {
    const { account, id, row } = await arrange(state)
    for (const subject of [account.subscription, account.user]) {
      expect(await readHistory(subject)).toMatchObject({
        subscription: account.subscription,
        entries: [{ what, amounts: { ai }, id, user: account.user }, { what: 'opening', amounts: { ai: 0 }, id: row, user: null }],
      })
    }
  })

  it('has the newest first, ended reservations at their end, and no more than was asked for', async () => {
    const { account, id: long } = await arrange('committed')
    const reserve = async () => {
      const id = randomUUID()
      await call('reserve', { id, user: account.user, amounts: { ai: 1 }, lease: 60 })
      return id
    }
    const [short, open] = [await reserve(), await reserve()]
    await call('commit', { id: short })
    await move(long, 60, 10)
    await move(short, 30, 20)
    const { entries } = await readHistory(account.subscription)
    expect(entries.filter(({ what }) => what !== 'opening').map(({ id }) => id)).toEqual([open, long, short])
    expect((await readHistory(account.subscription, 1)).entries.map(({ id }) => id)).toEqual([open])
    expect(entries.map(({ what }) => what).sort()).toEqual(['committed', 'committed', 'open', 'opening'])
  })

  it('is read from the end, no further than it must, where the subscription has enough', async () => {
    const account = await createAccount(database)
    await database.query(`insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, created_at, ended_at)
      select gen_random_uuid(), $1, $2, 'refunded', '{"ai": 1}', '{}', clock_timestamp() - make_interval(secs => g), clock_timestamp() - make_interval(secs => g) from generate_series(1, 20000) g`, [account.subscription, account.user])
    await database.query('analyze creditgate.reservations')
    const client = await database.pool.connect()
    const countRead = async () => {
      const { rows } = await client.query<{ rows: string }>("select seq_tup_read + idx_tup_fetch as rows from pg_stat_xact_user_tables where relid = 'creditgate.reservations'::regclass")
      return Number(rows[0]?.rows)
    }
    try {
      await client.query('begin')
      const before = await countRead()
      await client.query('select creditgate_history($1)', [account.subscription])
      expect(await countRead() - before).toBeLessThanOrEqual(40)
    } finally {
      await client.query('rollback')
      client.release()
    }
  })

  it('gives 20 where no number is asked for, and never more than 1000', async () => {
    const account = await createAccount(database)
    await addCredits(database, account)
    await database.query(`insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, created_at, ended_at)
      select gen_random_uuid(), $1, $2, 'refunded', '{"ai": 1}', '{}', clock_timestamp(), clock_timestamp() from generate_series(1, 1001)`, [account.subscription, account.user])
    expect((await readHistory(account.user)).entries).toHaveLength(20)
    expect((await readHistory(account.user, 1000)).entries).toHaveLength(1000)
    for (const most of [0, -1, 1001, null]) await expect(database.query('select creditgate_history($1, $2)', [account.user, most])).rejects.toMatchObject({ code: '22023' })
  })

  it("tells nothing of an id that is nobody's, and nothing of others", async () => {
    const nobody = await createAccount(database, 'canceled')
    expect(await readHistory(nobody.user)).toEqual({ subscription: null, entries: [] })
    expect(await readHistory(nobody.subscription)).toEqual({ subscription: nobody.subscription, entries: [] })
  })
})

it('creditgate_balance_of tells what a reserve would find, by subscription and by user', async () => {
  const { account } = await arrange('open')
  await addCredits(database, account, { type: 'lead', allotted: null })
  for (const subject of [account.subscription, account.user]) {
    expect(await database.query('select creditgate_balance_of($1) as answer', [subject])).toEqual([
      { answer: { subscription: account.subscription, balances: { ai: { remaining: 90, resetsIn: null, resetsAt: null }, lead: { remaining: null, resetsIn: null, resetsAt: null } } } },
    ])
  }
  expect(await database.query('select creditgate_balance_of($1) as answer', [randomUUID()])).toEqual([{ answer: { subscription: null, balances: {} } }])
})
