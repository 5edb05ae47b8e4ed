import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, supabaseJwt, supabaseLedger, type Guard } from 'creditgate'
import { assembleMigration } from '../../src/migration.ts'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { describeSchema, listPrivileges } from '../support/catalog.ts'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import type { Database } from '../support/database.ts'
import { addCredits, createAccount, CREDIT_TABLES, expectNoViolations, readUsed } from '../support/seed.ts'
import { createProject, WORLDS } from '../support/worlds.ts'

/** Who may touch what is the same whatever a project grants on new objects by itself, and however the database came to this version. */

const ENTRY_POINTS = ['commit', 'extend', 'prune', 'refund', 'reserve', 'reset', 'reverse', 'sweep']
/** All that anyone but the owner may do with what is ours. */
const OURS = [
  'authenticated: execute on function creditgate.own_balance()',
  'authenticated: execute on function public.creditgate_balance()',
  'authenticated: usage on schema creditgate',
  ...ENTRY_POINTS.map((name) => `service_role: execute on function public.creditgate_${name}(requests jsonb)`),
  'service_role: execute on function public.creditgate_balance_of(subject uuid)',
  'service_role: execute on function public.creditgate_history(subject uuid, most integer)',
  'service_role: execute on function public.creditgate_version()',
]
const TABLES = ['"UserProfileSubscription"', ...Object.values(CREDIT_TABLES)].map((name) => `public.${name}`)
/** And with the credit tables, where the migration made them. */
const MADE = TABLES.flatMap((table) => ['delete', 'insert', 'select', 'update'].map((privilege) => `service_role: ${privilege} on table ${table}`))

/** The user's own tables as people make them: without a word on who may do what. */
const USERS_OWN = `
  create table "UserProfileSubscription" (id uuid primary key default gen_random_uuid(), userid uuid not null, status text);
  ${Object.values(CREDIT_TABLES).map((table) => `create table ${table} (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid references "UserProfileSubscription" (id));`).join('\n')}`

const EARLIER = [1, 2, 3, 4].map((version) => [`from version ${version}`, [readFileSync(new URL(`earlier/schema-${version}.sql`, import.meta.url), 'utf8'), assembleMigration()]] as const)
const WAYS = [['at once', [assembleMigration()]], ['again', [assembleMigration(), assembleMigration()]], ...EARLIER] as const
const onTables = (line: string) => TABLES.some((table) => line.endsWith(` on table ${table}`))

describe.each(WORLDS)('in a project whose default privileges are %s', (world) => {
  let database: Database
  afterEach(() => database.drop())

  it.each(WAYS)("the user's own tables keep their grants, and nobody has more of ours than is meant, migrated %s", async (_way, migrations) => {
    database = await createProject(world)
    await database.query(USERS_OWN)
    const before = (await listPrivileges(database)).filter(onTables)
    for (const migration of migrations) await database.query(migration)
    const after = await listPrivileges(database)
    expect(after.filter((line) => !onTables(line))).toEqual([...OURS].sort())
    expect(after.filter(onTables)).toEqual(before)
    expect(before.length > 0).toBe(true)
  })

  it.each(['at once', 'again'])('the tables that the migration makes are for the server alone, migrated %s', async (way) => {
    database = await createProject(world)
    await database.query(assembleMigration())
    if (way === 'again') await database.query(assembleMigration())
    expect(await listPrivileges(database)).toEqual([...OURS, ...MADE].sort())
    expect(`${await describeSchema(database)}\n`).toBe(readFileSync(new URL('golden/schema.txt', import.meta.url), 'utf8'))
  })
})

describe.each(WORLDS)('through the Data API of a project whose default privileges are %s', (world) => {
  let database: Database
  let auth: AuthServer
  let api: DataApi
  let guard: Guard
  beforeAll(async () => {
    database = await createProject(world)
    await database.query(assembleMigration())
    auth = await startAuthServer()
    api = await startDataApi(database.url)
    guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: supabaseLedger(await api.createClient('service_role')) })
  })
  afterEach(() => expectNoViolations(database))
  afterAll(async () => {
    await api.stop()
    await auth.close()
    await database.drop()
  })

  it('a guarded call reserves, commits and refunds, and its user reads the balance', async () => {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 10 })
    const authorization = `Bearer ${await auth.signToken({ sub: account.user })}`
    const browser = await api.createClient('authenticated', account.user)
    const admit = async () => {
      const admission = await guard.requireCredits('ai', 4).admit({ method: 'POST', authorization, context: {} })
      if (admission.outcome !== 'admitted') throw new Error(`not admitted: ${admission.outcome}`)
      return admission
    }

    const delivered = await admit()
    delivered.credits.commit(3)
    await delivered.settle({ ended: 'finished', status: 200, threw: false, started: true })
    expect(await readUsed(database, row)).toBe(3)
    const failed = await admit()
    expect((await browser.rpc('creditgate_balance')).data).toMatchObject({ ai: { remaining: 3 } })
    await failed.settle({ ended: 'finished', status: 500, threw: false, started: true })
    expect(await browser.rpc('creditgate_balance')).toMatchObject({ error: null, data: { ai: { remaining: 7 } } })
    expect(await database.query('select state from creditgate.reservations order by created_at')).toEqual([{ state: 'committed' }, { state: 'refunded' }])
  })

  it.each(['anon', 'authenticated'] as const)('%s is refused every entry point and every credit table', async (role) => {
    const client = await api.createClient(role, role === 'authenticated' ? randomUUID() : undefined)
    for (const name of [...ENTRY_POINTS, 'version']) {
      expect((await client.rpc(`creditgate_${name}`, name === 'version' ? {} : { requests: [] })).error?.code).toBe('42501')
    }
    for (const name of ['balance_of', 'history']) expect((await client.rpc(`creditgate_${name}`, { subject: randomUUID() })).error?.code).toBe('42501')
    for (const table of ['AICredits', 'LeadCredits', 'SkipTraceCredits', 'UserProfileSubscription']) {
      expect((await client.from(table).select()).error?.code).toBe('42501')
      expect((await client.from(table).update({ id: randomUUID() }).eq('id', randomUUID())).error?.code).toBe('42501')
    }
    if (role === 'anon') expect((await client.rpc('creditgate_balance')).error?.code).toBe('42501')
  })
})
