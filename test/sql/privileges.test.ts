import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, type Account } from '../support/seed.ts'

/** Who may touch what, read from the catalog, so that a new object that nobody thought of fails here. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

const ENTRY_POINTS = ['balance_of', 'commit', 'extend', 'history', 'prune', 'refund', 'reserve', 'reset', 'reverse', 'sweep', 'version'].map((name) => `creditgate_${name}`)

/** Of those that take no array of requests. */
const PARAMETERS: Readonly<Record<string, object>> = { creditgate_balance_of: { subject: randomUUID() }, creditgate_history: { subject: randomUUID() }, creditgate_version: {} }

/** Every function of ours, and every one in `public`, that a role may execute. */
function listExecutable(role: string): Promise<string[]> {
  return database
    .query<{ name: string }>(
      `select n.nspname || '.' || p.proname as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
       where n.nspname in ('creditgate', 'public') and has_schema_privilege($1, n.oid, 'usage') and has_function_privilege($1, p.oid, 'execute')
       order by 1`,
      [role],
    )
    .then((rows) => rows.map(({ name }) => name))
}

/** Every table, view and sequence on which a role has any privilege at all. */
function listReachable(role: string): Promise<string[]> {
  return database
    .query<{ name: string }>(
      `select n.nspname || '.' || c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where n.nspname in ('creditgate', 'public') and case when c.relkind = 'S'
               then has_sequence_privilege($1, c.oid, 'usage, select, update')
               else c.relkind in ('r', 'v', 'm', 'p') and (
                    has_table_privilege($1, c.oid, 'select, insert, update, delete, truncate, references, trigger')
                    or has_any_column_privilege($1, c.oid, 'select, insert, update, references')) end
       order by 1`,
      [role],
    )
    .then((rows) => rows.map(({ name }) => name))
}

it('anon may execute nothing and reach nothing', async () => {
  expect(await listExecutable('anon')).toEqual([])
  expect(await listReachable('anon')).toEqual([])
})

it('a signed-in user may read their own balance, and nothing else', async () => {
  expect(await listExecutable('authenticated')).toEqual(['creditgate.own_balance', 'public.creditgate_balance'])
  expect(await listReachable('authenticated')).toEqual([])
})

it('service_role may execute the entry points, and has the credit tables as on any project', async () => {
  expect(await listExecutable('service_role')).toEqual(ENTRY_POINTS.map((name) => `public.${name}`))
  expect(await listReachable('service_role')).toEqual(['public.AICredits', 'public.LeadCredits', 'public.SkipTraceCredits', 'public.UserProfileSubscription'])
})

it('every function has an empty search_path', async () => {
  const rows = await database.query(
    `select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where (n.nspname = 'creditgate' or p.proname like 'creditgate%') and not coalesce(p.proconfig, '{}') @> array['search_path=""']`,
  )
  expect(rows).toEqual([])
})

it('every table of ours has row level security on', async () => {
  const rows = await database.query(
    `select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('creditgate', 'public') and c.relkind = 'r' and not c.relrowsecurity`,
  )
  expect(rows).toEqual([])
})

describe('through the Data API', () => {
  let api: DataApi
  let owner: Account
  let other: Account
  beforeAll(async () => {
    api = await startDataApi(database.url)
    owner = await createAccount(database)
    other = await createAccount(database)
    await addCredits(database, owner, { allotted: 100, used: 30, resetInDays: 30 })
    await addCredits(database, owner, { type: 'lead', allotted: null })
    await addCredits(database, other, { allotted: 7 })
  })
  afterAll(() => api.stop())

  it("answers a user's own token with that user's balance", async () => {
    const answer = await (await api.createClient('authenticated', owner.user)).rpc('creditgate_balance')
    expect(answer.error).toBeNull()
    expect(answer.data).toMatchObject({ ai: { remaining: 70 }, lead: { remaining: null, resetsIn: null, resetsAt: null } })
    expect((await (await api.createClient('authenticated', other.user)).rpc('creditgate_balance')).data).toMatchObject({ ai: { remaining: 7 } })
    expect((await (await api.createClient('authenticated', randomUUID())).rpc('creditgate_balance')).data).toEqual({})
  })

  it.each(['authenticated', 'anon'] as const)('refuses every entry point and every table to %s', async (role) => {
    const client = await api.createClient(role, role === 'authenticated' ? owner.user : undefined)
    for (const name of ENTRY_POINTS) {
      const parameters = PARAMETERS[name] ?? { requests: [{ id: randomUUID(), user: owner.user, amounts: { ai: 1 }, lease: 60 }] }
      expect((await client.rpc(name, parameters)).error?.code).toBe('42501')
    }
    for (const table of ['AICredits', 'LeadCredits', 'SkipTraceCredits', 'UserProfileSubscription']) {
      expect((await client.from(table).select()).error?.code).toBe('42501')
      expect((await client.from(table).update({ id: randomUUID() }).eq('id', owner.subscription)).error?.code).toBe('42501')
      expect((await client.from(table).delete().eq('id', owner.subscription)).error?.code).toBe('42501')
      expect((await client.from(table).insert({ id: randomUUID() })).error?.code).toBe('42501')
    }
    expect((await client.schema('creditgate').from('reservations').select()).error?.code).toBe('PGRST106')
  })

  it('refuses the balance to anon', async () => {
    expect((await (await api.createClient('anon')).rpc('creditgate_balance')).error?.code).toBe('42501')
  })
})
