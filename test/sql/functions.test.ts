import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { superuserUrl } from '../support/cluster.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, ageCycle, createAccount, endLease, expectNoViolations } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/**
 * What `supabase db lint` would look at, where it cannot run for want of plpgsql_check: every function is compiled and
 * called with all of plpgsql's own extra checks turned into errors: a variable that hides another, a query into a
 * variable with several rows, an assignment whose two sides differ in number.
 */

let database: Database
beforeAll(async () => {
  database = await createDatabase('project')
  const superuser = new pg.Client({ connectionString: superuserUrl(inject('postgresPort'), database.name) })
  await superuser.connect()
  await superuser.query(`alter database ${database.name} set plpgsql.extra_errors = 'all'; alter database ${database.name} set track_functions = 'all'`)
  await superuser.end()
  await database.query(assembleMigration())
})
afterAll(() => database.drop())
const { call, arrange } = createScenes(() => database)

it('a seeded fault is refused when it is compiled, and one that only shows in a call when it is called', async () => {
  const create = (body: string) => database.query(`create function creditgate.fault(id int) returns int language plpgsql as $$ ${body} $$`)
  await expect(create('declare id int; begin return id; end')).rejects.toMatchObject({ message: expect.stringContaining('shadows a previously defined variable') as unknown })
  await create('declare one int; begin select g into one from generate_series(1, 2) g; return one; end')
  await expect(database.query('select creditgate.fault(1)')).rejects.toMatchObject({ code: 'P0003' })
  await database.query('drop function creditgate.fault(int)')
})

it('every function of ours is called, and none of the calls meets such a fault', async () => {
  const callAll = async (operation: string, requests: readonly object[]) => {
    const [row] = await database.query<{ answers: { outcome: string }[] }>(`select creditgate_${operation}($1::jsonb) as answers`, [JSON.stringify(requests)])
    const outcomes = row?.answers.map(({ outcome }) => outcome)
    expect(outcomes).not.toContain('failed')
    return outcomes
  }
  for (const state of ['open', 'lease over', 'lease over, 3 reported', 'committed', 'refunded', 'expired', 'tombstone'] as const) {
    for (const operation of ['commit', 'refund', 'extend', 'reverse'] as const) {
      const { id, account } = await arrange(state)
      const { outcome } = await call(operation, { id, user: account.user, lease: 60, ...(operation === 'reverse' && { key: 'ticket', amounts: { ai: 1 } }) })
      expect(outcome).not.toBe('failed')
    }
  }

  const account = await createAccount(database)
  const rows = [await addCredits(database, account, { resetInDays: 30 }), await addCredits(database, account), await addCredits(database, account, { type: 'lead' })]
  const reserve = (amounts: object, more: object = {}) => ({ id: randomUUID(), user: account.user, amounts, lease: 60, ...more })
  const keyed = { idempotency: { key: 'a', fingerprint: 'f' } }
  const requests = [reserve({ ai: 20 }), reserve({ ai: 120 }), reserve({ ai: 1, lead: 1 }, keyed), reserve({ ai: 1 }, keyed), reserve({ ai: 1 })]
  expect(await callAll('reserve', requests)).toEqual(['reserved', 'reserved', 'reserved', 'in_progress', 'reserved'])
  expect(await callAll('commit', [{ id: requests[0]?.id, amounts: { ai: 7 } }, { id: requests[1]?.id }])).toEqual(['committed', 'committed'])
  expect(await callAll('refund', [{ id: requests[2]?.id }, { id: requests[4]?.id }, { id: randomUUID(), user: account.user }])).toEqual(['refunded', 'refunded', 'refunded'])
  const columns = { ids: [randomUUID(), randomUUID()], users: [account.user, account.user], creditTypes: ['ai', 'ai'], amounts: [1, -1], leases: [60, 60], keys: [null, null], fingerprints: [null, null] }
  await database.query('select creditgate_reserve($1)', [JSON.stringify(columns)])
  const response = { status: 200, headers: {}, body: 'dGV4dA==' }
  const wide = reserve({ ai: 1 }, { idempotency: { key: 'b', fingerprint: 'f' }, least: { ai: 1 } })
  expect(await call('reserve', wide)).toMatchObject({ outcome: 'reserved' })
  expect(await call('commit', { id: wide.id, amounts: { ai: 2 }, more: true, response })).toMatchObject({ outcome: 'committed', amounts: { ai: 2 } })
  expect(await call('reserve', { ...wide, id: randomUUID() })).toMatchObject({ outcome: 'already_charged', response })
  expect(await call('reserve', reserve({ ai: 1 }, { session: randomUUID() }))).toMatchObject({ outcome: 'session_over' })
  expect(await call('reserve', reserve({ ai: 1 }, { dryRun: true }))).toMatchObject({ outcome: 'reserved' })
  const [left, right] = [reserve({ ai: 1 }), reserve({ ai: 2 })]
  expect(await callAll('reserve', [left, right])).toEqual(['reserved', 'reserved'])
  await endLease(database, left.id)
  await ageCycle(database, rows[0] ?? '', 31)
  expect(await call('reserve', reserve({ ai: 1 }))).toMatchObject({ outcome: 'reserved' })
  expect(await call('reserve', { ...reserve({ ai: 1 }), lease: 0 })).toMatchObject({ outcome: 'invalid' })
  await arrange('lease over')
  expect(await call('sweep', {})).toMatchObject({ outcome: 'swept' })
  expect(await call('reset', { subscription: account.subscription, creditType: 'ai', key: 'period' })).toMatchObject({ outcome: 'reset' })
  await database.query("update creditgate.reservations set ended_at = ended_at - interval '400 days', created_at = created_at - interval '400 days' where state <> 'open'")
  expect(await call('prune', { olderThanDays: 30 })).toMatchObject({ outcome: 'pruned' })
  await database.query('select creditgate_balance_of($1), creditgate_history($1, 5)', [account.user])
  await database.query('select creditgate_version(), creditgate.hold($1)', [JSON.stringify({ id: wide.id })])
  await database.query(`select set_config('request.jwt.claims', $1, true), creditgate_balance()`, [JSON.stringify({ sub: account.user })])
  await expectNoViolations(database)

  // A session hands in its figures when it ends, at the latest.
  const never = `select p.proname as name from pg_proc p where p.pronamespace::regnamespace::text = 'creditgate' or p.proname like 'creditgate%'
    except select funcname from pg_stat_user_functions where calls > 0`
  await database.query(`select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
  await expect.poll(() => database.query(never), { timeout: 5_000 }).toEqual([])
})
