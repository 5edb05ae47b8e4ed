import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed, type Account } from '../support/seed.ts'

/** That an array is its elements one by one is shown in test/property; here, that it does not take them one by one. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())

type Answer = { id: string; outcome: string } & Record<string, unknown>

const reserveOf = (account: Account, more: object = {}) => ({ id: randomUUID(), user: account.user, amounts: { ai: 1 } as Record<string, number>, lease: 60, ...more })

/** What one pass answers; null: it leaves the element to be answered by itself. */
async function passOver(operation: 'reserve' | 'commit' | 'refund', requests: readonly object[]): Promise<(string | null)[]> {
  const [given] = operation === 'reserve'
    ? await database.query<{ answers: (string | null)[] }>('select answers from creditgate.reserve_all($1::jsonb)', [JSON.stringify(requests)])
    : await database.query<{ answers: (string | null)[] }>('select answers from creditgate.settle_all($2, $1::jsonb)', [JSON.stringify(requests), operation])
  return (given?.answers ?? []).map((answer) => (answer === null ? null : (JSON.parse(answer) as Answer).outcome))
}

async function call(operation: string, requests: readonly object[]): Promise<Answer[]> {
  const [row] = await database.query<{ answer: Answer[] }>(`select public.creditgate_${operation}($1::jsonb) as answer`, [JSON.stringify(requests)])
  return row?.answer ?? []
}

type Funded = Account & { readonly row: string }

/** With a row that the ledger has not met. */
async function createNew(allotted = 100): Promise<Funded> {
  const account = await createAccount(database)
  return { ...account, row: await addCredits(database, account, { allotted }) }
}

/** With a row that has been spent from before. */
async function createFunded(allotted = 100): Promise<Funded> {
  const account = await createNew(allotted)
  await meet(account, 1)
  return account
}

/** Spends from the account's rows, and gives all of it back. */
async function meet(account: Account, ai: number): Promise<void> {
  const request = reserveOf(account, { amounts: { ai } })
  await call('reserve', [request])
  await call('refund', [{ id: request.id }])
}

describe('one pass', () => {
  it('answers reserves of many subscriptions, those with new idempotency keys, for nothing, and refused among them', async () => {
    const [one, other, poor] = [await createFunded(), await createFunded(), await createFunded(2)]
    const requests = [
      reserveOf(one),
      reserveOf(other, { idempotency: { key: 'a', fingerprint: 'f' } }),
      reserveOf(poor, { amounts: { ai: 3 } }),
      reserveOf(one, { amounts: { lead: 0 } }),
      reserveOf(poor, { amounts: { ai: 2 } }),
      reserveOf({ user: randomUUID(), subscription: '' }),
    ]
    expect(await passOver('reserve', requests)).toEqual(['reserved', 'reserved', 'insufficient', 'reserved', 'reserved', null])
    expect([await readUsed(database, one.row), await readUsed(database, poor.row)]).toEqual([1, 2])
  })

  it('leaves to be answered by itself what needs more, and what stands behind it in its subscription', async () => {
    const [one, several, keyed, late, narrow] = [await createFunded(), await createFunded(), await createFunded(), await createFunded(), await createFunded(1)]
    const second = await addCredits(database, narrow, { allotted: 10 })
    await meet(narrow, 11)
    await call('reserve', [reserveOf(keyed, { idempotency: { key: 'a', fingerprint: 'f' } })])
    const held = reserveOf(late)
    await call('reserve', [held])
    await endLease(database, held.id)
    const requests = [
      reserveOf(one),
      reserveOf(several, { amounts: { ai: 1, lead: 0 } }),
      reserveOf(several),
      reserveOf(keyed, { idempotency: { key: 'a', fingerprint: 'f' } }),
      reserveOf(late),
      reserveOf(narrow, { amounts: { ai: 8 } }),
      reserveOf(narrow, { amounts: { ai: 3 } }),
      reserveOf(one),
    ]
    expect(await passOver('reserve', requests)).toEqual(['reserved', null, null, null, null, null, null, 'reserved'])
    // What was done above is done: under the same ids all of it is asked again, in the ordinary way.
    expect((await call('reserve', requests)).map(({ outcome }) => outcome)).toEqual([...Array<string>(3).fill('reserved'), 'in_progress', 'reserved', 'reserved', 'reserved', 'reserved'])
    expect(((await readUsed(database, narrow.row)) ?? 0) + ((await readUsed(database, second)) ?? 0)).toBe(11)
  })

  it('leaves to be answered by itself what draws on a row that the ledger has not met, or whose cycle is over', async () => {
    const [fresh, met, over] = [await createNew(), await createFunded(), await createFunded()]
    await database.query(`update "AICredits" set resetindays = 30, cyclestart = now() - interval '40 days' where id = $1`, [over.row])
    const requests = [reserveOf(fresh), reserveOf(met), reserveOf(over), reserveOf(fresh)]
    expect(await passOver('reserve', requests)).toEqual([null, 'reserved', null, null])
    expect((await call('reserve', requests.toSpliced(1, 1))).map(({ outcome }) => outcome)).toEqual(['reserved', 'reserved', 'reserved'])
    expect([await readUsed(database, fresh.row), await readUsed(database, over.row)]).toEqual([2, 1])
    expect(await passOver('reserve', [reserveOf(fresh), reserveOf(over)])).toEqual(['reserved', 'reserved'])
  })

  it('tells the same balances as one call by itself: what is left behind each element, and of a type without a row nothing', async () => {
    const [one, twin] = [await createFunded(), await createFunded()]
    const askFor = (account: Account) => [reserveOf(account, { amounts: { ai: 3 } }), reserveOf(account, { amounts: { lead: 0 } }), reserveOf(account, { amounts: { ai: 2 } })]
    const together = (await call('reserve', askFor(one))).map((answer) => answer['balances'])
    expect(together).toEqual([{ ai: { remaining: 97, resetsIn: null, resetsAt: null } }, {}, { ai: { remaining: 95, resetsIn: null, resetsAt: null } }])
    for (const [place, request] of askFor(twin).entries()) expect((await call('reserve', [request]))[0]?.['balances']).toEqual(together[place])
  })

  it('settles whole commits, parts of one allocation and refunds, and leaves what has ended', async () => {
    const [one, other] = [await createFunded(), await createFunded()]
    const requests = [reserveOf(one, { amounts: { ai: 4 } }), reserveOf(other, { amounts: { ai: 4 } }), reserveOf(one), reserveOf(other)]
    await call('reserve', requests)
    const [first, second, third, fourth] = requests.map(({ id }) => id)
    expect(await passOver('commit', [{ id: first, amounts: 4 }, { id: second, amounts: { ai: 1 } }])).toEqual(['committed', 'committed'])
    expect(await passOver('refund', [{ id: third, user: one.user }, { id: fourth }, { id: first }])).toEqual(['refunded', 'refunded', null])
    expect([await readUsed(database, one.row), await readUsed(database, other.row)]).toEqual([4, 1])
  })

  it('leaves alone what a lease has let go', async () => {
    const account = await createFunded()
    const requests = [reserveOf(account), reserveOf(account)]
    await call('reserve', requests)
    for (const { id } of requests) await endLease(database, id)
    expect(await passOver('commit', requests.map(({ id }) => ({ id })))).toEqual([null, null])
    expect((await call('commit', requests.map(({ id }) => ({ id })))).map(({ outcome }) => outcome)).toEqual(['expired', 'expired'])
  })

  it("leaves another user's reservations alone", async () => {
    const account = await createFunded()
    const requests = [reserveOf(account), reserveOf(account)]
    await call('reserve', requests)
    const claimed = requests.map(({ id }) => ({ id, user: randomUUID() }))
    expect(await passOver('commit', claimed)).toEqual([null, null])
    expect(await passOver('refund', claimed)).toEqual([null, null])
  })

  it('follows a subscription_of() that was edited', async () => {
    const [member, owner] = [await createAccount(database), await createFunded()]
    const [definition] = await database.query<{ body: string }>("select pg_get_functiondef('creditgate.subscription_of(uuid)'::regprocedure) as body")
    const body = definition?.body ?? ''
    await database.query(body.replace('begin', `begin\n  if spender = '${member.user}' then return '${owner.subscription}'; end if;`))
    const requests = [reserveOf(member), reserveOf(owner), reserveOf(member)]
    expect(await passOver('reserve', requests)).toEqual(['reserved', 'reserved', 'reserved'])
    expect(await readUsed(database, owner.row)).toBe(3)
    await database.query(body)
  })
})

describe('however long the history', () => {
  it('no array and no lone call reads a table of ours from end to end, nor all that is open', async () => {
    const accounts = await Promise.all(Array.from({ length: 40 }, () => createFunded(1_000_000)))
    await database.query(
      `insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at, ended_at)
       select gen_random_uuid(), $1, $2, case when n <= 3000 then 'open' else 'refunded' end, '{"ai": 0}', '{}', now() + interval '1 hour', now(), case when n > 3000 then now() end
       from generate_series(1, 20000) n`,
      [randomUUID(), randomUUID()],
    )
    // On one connection, whose figures are published before they are read.
    const client = await database.pool.connect()
    try {
      const ask = async (operation: string, requests: readonly object[]) =>
        (await client.query<{ answer: Answer[] }>(`select public.creditgate_${operation}($1::text::jsonb) as answer`, [JSON.stringify(requests)])).rows[0]?.answer
      const read = async () => {
        await client.query('select pg_stat_force_next_flush()')
        await client.query('select 1')
        const { rows } = await client.query<Record<string, number>>(
          `select (select sum(seq_scan)::int from pg_stat_user_tables where schemaname = 'creditgate' and relname in ('reservations', 'adjustments', 'acts')) as scans,
                  (select sum(idx_tup_read)::int from pg_stat_user_indexes where indexrelname = 'reservations_open') as open_read,
                  (select n_tup_upd::int from pg_stat_user_tables where relname = 'AICredits') as updates,
                  (select n_tup_hot_upd::int from pg_stat_user_tables where relname = 'AICredits') as hot`,
        )
        return rows[0] as Record<string, number>
      }
      const round = async () => {
        const requests = Array.from({ length: 64 }, (_, place) => reserveOf(accounts[place % accounts.length] as Account, { amounts: { ai: 2 } }))
        expect((await ask('reserve', requests))?.every(({ outcome }) => outcome === 'reserved')).toBe(true)
        await ask('commit', requests.slice(0, 32).map(({ id }) => ({ id, amounts: { ai: 2 } })))
        await ask('commit', requests.slice(32, 48).map(({ id }) => ({ id, amounts: { ai: 1 } })))
        await ask('refund', requests.slice(48).map(({ id }) => ({ id })))
        const lone = reserveOf(accounts[0] as Account)
        await ask('reserve', [lone])
        await ask('commit', [{ id: lone.id }])
      }
      await round()
      const before = await read()
      for (let count = 0; count < 10; count += 1) await round()
      const after = await read()
      const spent = (figure: string) => (after[figure] ?? NaN) - (before[figure] ?? NaN)
      expect(spent('scans')).toBe(0)
      // What is open of their own subscriptions is counted; reading all that is open would be 3000 for each call.
      expect(spent('open_read')).toBeLessThan(10_000)
      // Heap-only, wherever the page has room: no index of the credit tables is written. One indexed column, and it would be none.
      expect(spent('updates')).toBeGreaterThan(400)
      expect(spent('hot') / spent('updates')).toBeGreaterThan(0.5)
    } finally {
      client.release()
    }
  })

  it('no array and no lone call reads again what has ended since the last vacuum, also in a table that nobody has analyzed', async () => {
    const young = await createDatabase()
    try {
      const account = await createAccount(young)
      await addCredits(young, account, { allotted: 1_000_000 })
      const requests = (length: number) => JSON.stringify(Array.from({ length }, () => reserveOf(account)))
      // All at once, so that no vacuum comes between.
      await young.query(
        `insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at)
         select gen_random_uuid(), $1, $2, 'open', '{"ai": 0}', '{}', now() + interval '1 minute', now() from generate_series(1, 100000)`,
        [account.subscription, account.user],
      )
      await young.query(`update creditgate.reservations set state = 'refunded', ended_at = now()`)
      const client = await young.pool.connect()
      try {
        const countRead = async () => {
          await client.query('select pg_stat_force_next_flush()')
          return (await client.query<{ read: number }>("select idx_tup_read::int as read from pg_stat_user_indexes where indexrelname = 'reservations_open'")).rows[0]?.read ?? NaN
        }
        const ask = async () => {
          for (const length of [2, 1]) await client.query('select public.creditgate_reserve($1::text::jsonb)', [requests(length)])
          await client.query('select creditgate_balance_of($1)', [account.user])
        }
        for (let count = 0; count < 3; count += 1) await ask()
        const before = await countRead()
        for (let count = 0; count < 5; count += 1) await ask()
        expect((await countRead()) - before).toBeLessThan(1000)
      } finally {
        client.release()
      }
    } finally {
      await young.drop()
    }
  })
})
