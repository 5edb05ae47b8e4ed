import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { readCatalog } from '../support/catalog.ts'
import { createDatabase, type Database } from '../support/database.ts'

/** The four tables as a project has them, with data of every kind in them. */
const EXISTING = `
  create table "UserProfileSubscription" (id uuid primary key default gen_random_uuid(), userid uuid not null, status text, plan text);
  create table "AICredits" (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid references "UserProfileSubscription" (id));
  create table "LeadCredits" (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid);
  create table "SkipTraceCredits" (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid);`

const USER = randomUUID()
const SUBSCRIPTION = randomUUID()
const DATA = `
  insert into "UserProfileSubscription" (id, userid, status, plan) values ('${SUBSCRIPTION}', '${USER}', 'active', 'pro');
  insert into "AICredits" (id, allotted, used, resetindays, subscriptionid) values
    (gen_random_uuid(), 100, 98, 30, '${SUBSCRIPTION}'), (gen_random_uuid(), 50, 0, null, '${SUBSCRIPTION}'), (gen_random_uuid(), 10, 25, 0, '${SUBSCRIPTION}');
  insert into "LeadCredits" values (gen_random_uuid(), 5, null, null, '${SUBSCRIPTION}');
  insert into "SkipTraceCredits" values (gen_random_uuid(), null, 3, 7, '${SUBSCRIPTION}'), (gen_random_uuid(), 1, 0, 7, null);`

let database: Database
async function open(setup: string): Promise<void> {
  database = await createDatabase('project')
  await database.query(setup)
}
const migrate = (config?: Parameters<typeof assembleMigration>[0]) => database.query(assembleMigration(config))
afterEach(() => database.drop())

async function reserve(amounts: Record<string, number>, user = USER): Promise<Record<string, unknown>> {
  const requests = JSON.stringify([{ id: randomUUID(), user, amounts, lease: 60 }])
  const [row] = await database.query<{ answer: Record<string, unknown>[] }>('select creditgate_reserve($1::jsonb) as answer', [requests])
  return row?.answer[0] ?? {}
}

const CONTENT = `select (select jsonb_agg(to_jsonb(c) order by id) from "AICredits" c) as ai, (select jsonb_agg(to_jsonb(c)) from "LeadCredits" c) as lead,
  (select jsonb_agg(to_jsonb(c) order by id) from "SkipTraceCredits" c) as skip, (select jsonb_agg(to_jsonb(s)) from "UserProfileSubscription" s) as subscriptions,
  (select jsonb_agg(to_jsonb(r)) from creditgate.reservations r) as reservations, (select jsonb_agg(to_jsonb(a)) from creditgate.adjustments a) as adjustments,
  (select jsonb_agg(to_jsonb(v)) from creditgate.schema_versions v) as versions`

it('stands on the tables that are there and leaves their data as it is', async () => {
  await open(EXISTING + DATA)
  const read = () => database.query('select id, allotted, used, resetindays, subscriptionid from "AICredits" union all select * from (select id, allotted, used, resetindays, subscriptionid from "LeadCredits") l union all select id, allotted, used, resetindays, subscriptionid from "SkipTraceCredits" order by id')
  const before = await read()
  await migrate()
  expect(await read()).toEqual(before)
  expect(await reserve({ ai: 52, lead: 5, skipTrace: 1 })).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: 0 }, lead: { remaining: 0 }, skipTrace: { remaining: null } } })
  expect(await reserve({ ai: 1 })).toMatchObject({ outcome: 'insufficient', available: 0 })
  expect(await database.query('select * from creditgate.violations')).toEqual([])
})

it.each([['existing tables', EXISTING + DATA], ['an empty database', 'select']])('changes nothing when it runs twice on %s', async (_name, setup) => {
  await open(setup)
  await migrate()
  if (setup !== 'select') await reserve({ ai: 3 })
  const before = [await readCatalog(database), await database.query(CONTENT)]
  await migrate()
  expect([await readCatalog(database), await database.query(CONTENT)]).toEqual(before)
})

it('creates the tables where there are none, and the documented insert works', async () => {
  await open('select')
  await migrate()
  await database.query('insert into "UserProfileSubscription" (id, userid) values ($1, $2)', [SUBSCRIPTION, USER])
  for (let round = 0; round < 2; round += 1) {
    await database.query('insert into "AICredits" (id, allotted, used, resetindays, subscriptionid) values (gen_random_uuid(), 100, 0, 30, $1)', [SUBSCRIPTION])
  }
  expect(await reserve({ ai: 150 })).toMatchObject({ outcome: 'reserved', balances: { ai: { remaining: 50 } } })
})

it('refuses a row whose subscription does not exist', async () => {
  await open('select')
  await migrate()
  for (const table of ['"AICredits"', '"LeadCredits"', '"SkipTraceCredits"']) {
    const insert = database.query(`insert into ${table} (id, allotted, used, resetindays, subscriptionid) values (gen_random_uuid(), 1, 0, 30, $1)`, [randomUUID()])
    await expect(insert).rejects.toMatchObject({ code: '23503' })
  }
})

it('names rows that already dangle, says how to find them, and changes nothing', async () => {
  const dangling = randomUUID()
  await open(`${EXISTING} insert into "LeadCredits" values ('${dangling}', 5, 0, 30, '${randomUUID()}')`)
  await expect(migrate()).rejects.toMatchObject({
    message: expect.stringContaining(`1 rows of public."LeadCredits" have a subscriptionid that no row of public."UserProfileSubscription" has, for example id ${dangling}`) as unknown,
    hint: expect.stringContaining('select * from public."LeadCredits"') as unknown,
  })
  expect(await database.query("select from information_schema.columns where table_schema = 'public' and column_name = 'cycle'")).toEqual([])
  expect(await database.query("select to_regnamespace('creditgate')::text as schema")).toEqual([{ schema: null }])
})

it.each([
  ['the user column', {}, 'has no column userid', '--user-column'],
  ['the status column', { subscriptions: { userColumn: 'owner' } }, 'has no column status', '--status-column'],
])('names %s it cannot find, the columns there are, and the flag', async (_what, config, message, flag) => {
  await open('create table "UserProfileSubscription" (id uuid primary key, owner uuid)')
  await expect(migrate(config)).rejects.toMatchObject({
    message: expect.stringContaining(message) as unknown,
    detail: 'Its columns are: id, owner',
    hint: expect.stringContaining(flag) as unknown,
  })
})

it('takes the names of tables, columns and statuses from configuration', async () => {
  await open(`create schema billing;
    create type billing.standing as enum ('good', 'bad');
    create table billing.subscriptions (id uuid primary key, "ownerId" text not null, standing billing.standing);
    insert into billing.subscriptions values ('${SUBSCRIPTION}', '${USER}', 'good'), (gen_random_uuid(), '${randomUUID()}', 'bad');`)
  await migrate({
    creditTypes: { export: 'billing.Export"Credits' },
    subscriptions: { table: 'billing.subscriptions', userColumn: 'ownerId', statusColumn: 'standing', activeStatuses: ['good'] },
  })
  await database.query('insert into billing."Export""Credits" (id, allotted, subscriptionid) values (gen_random_uuid(), 4, $1)', [SUBSCRIPTION])
  expect(await reserve({ export: 3 })).toMatchObject({ outcome: 'reserved', balances: { export: { remaining: 1 } } })
  await database.query("update billing.subscriptions set standing = 'bad'")
  expect(await reserve({ export: 1 })).toMatchObject({ outcome: 'no_subscription' })
  expect(await reserve({ ai: 1 })).toMatchObject({ outcome: 'invalid', reason: 'there is no credit type "ai"' })
})

it('leaves an edited subscription_of alone, and replaces one that is as generated', async () => {
  await open(EXISTING + DATA)
  await migrate()
  await migrate({ subscriptions: { statusColumn: null } })
  await database.query("update \"UserProfileSubscription\" set status = 'canceled'")
  expect(await reserve({ ai: 1 })).toMatchObject({ outcome: 'reserved' })
  await database.query("create or replace function creditgate.subscription_of(spender uuid) returns uuid language sql set search_path = '' as 'select null::uuid'")
  await migrate()
  expect(await reserve({ ai: 1 })).toMatchObject({ outcome: 'no_subscription' })
})

it('refuses a database that a newer version has migrated', async () => {
  await open('select')
  await migrate()
  await database.query('insert into creditgate.schema_versions (version) values (99)')
  await expect(migrate()).rejects.toMatchObject({ message: expect.stringContaining('schema version 99') as unknown, hint: expect.stringContaining('Upgrade') as unknown })
})

it('refuses a table that cannot hold credits, and names what it lacks', async () => {
  await open('create table "AICredits" (id uuid primary key, allotted int, used numeric)')
  await expect(migrate()).rejects.toMatchObject({ message: expect.stringContaining('it lacks the columns "resetindays" integer, "subscriptionid" uuid, "used" integer') as unknown })
})

it('warns of credit tables that a signed-in user can change, and changes no grant', async () => {
  await open(EXISTING)
  const notices: string[] = []
  const client = await database.pool.connect()
  client.on('notice', (notice) => notices.push(notice.message ?? ''))
  await client.query(assembleMigration())
  client.release()
  expect(notices.filter((notice) => notice.includes('can change'))).toHaveLength(3)
  const [row] = await database.query<{ may: boolean }>(`select has_table_privilege('authenticated', '"AICredits"', 'update') as may`)
  expect(row?.may).toBe(true)
})

describe.each([1, 2, 3, 4])('a database that schema version %i has migrated', (version) => {
  const EARLIER = readFileSync(new URL(`earlier/schema-${version}.sql`, import.meta.url), 'utf8')

  it('is brought to what a new one is, and running it again changes nothing', async () => {
    await open(EXISTING)
    await migrate()
    const fresh = await readCatalog(database)
    await database.drop()
    await open(EXISTING)
    await database.query(EARLIER)
    await migrate()
    expect(await readCatalog(database)).toBe(fresh)
    await migrate()
    expect(await readCatalog(database)).toBe(fresh)
  })

  it('loses nothing: what was open can be settled, what ended stays ended, and the figures add up', async () => {
    await open(EXISTING + DATA)
    await database.query(EARLIER)
    const [open1, committed] = [await reserve({ ai: 20 }), await reserve({ ai: 10, lead: 2 })]
    const call = async (operation: string, request: object) =>
      (await database.query<{ answer: { outcome: string }[] }>(`select creditgate_${operation}($1::jsonb) as answer`, [JSON.stringify([request])]))[0]?.answer[0]
    await call('commit', { id: committed['id'] })
    await database.query(`update "AICredits" set cyclestart = cyclestart - interval '31 days' where resetindays = 30`)
    const recent = await reserve({ ai: 1 })

    await migrate()
    expect(await call('commit', { id: open1['id'], amounts: 15 })).toMatchObject({ outcome: 'committed' })
    expect(await call('refund', { id: recent['id'] })).toMatchObject({ outcome: 'refunded' })
    expect(await call('commit', { id: committed['id'] })).toMatchObject({ outcome: 'committed' })
    expect(await call('reverse', { id: committed['id'], key: 'a', amounts: { lead: 1 } })).toMatchObject({ outcome: 'reversed', returned: { lead: 1 } })
    expect(await database.query('select * from creditgate.violations')).toEqual([])
  })
})

describe('a schedule', () => {
  // pg_cron is not among the packaged binaries: a function of its signature takes down what it is asked for.
  const CRON = `create schema cron; create table cron.asked (name text primary key, schedule text, command text);
    create function cron.schedule(job_name text, schedule text, command text) returns bigint language sql as
      'insert into cron.asked values ($1, $2, $3) on conflict (name) do update set schedule = excluded.schedule, command = excluded.command; select 1::bigint';`

  it('is made where there is pg_cron, once, and its command runs', async () => {
    await open(CRON)
    for (const sweepEveryMinutes of [10, 5]) await migrate({ sweepEveryMinutes, pruneAfterDays: 60 })
    const asked = await database.query<{ command: string }>('select * from cron.asked')
    expect(asked).toMatchObject([{ name: 'creditgate-sweep', schedule: '*/5 * * * *' }])
    expect(await database.query(asked[0]?.command ?? '')).toEqual([{ sweep: { outcome: 'swept', expired: 0, cycles: 0, more: false }, prune: { outcome: 'pruned', pruned: 0, more: false } }])
  })

  it('is not made unless it is asked for', async () => {
    await open(CRON)
    await migrate()
    expect(await database.query('select * from cron.asked')).toEqual([])
  })

  it('is warned of where there is no pg_cron, and everything else is done', async () => {
    await open('select')
    const notices: string[] = []
    const client = await database.pool.connect()
    client.on('notice', (notice) => notices.push(`${notice.message ?? ''} ${notice.hint ?? ''}`))
    await client.query(assembleMigration({ sweepEveryMinutes: 5 }))
    client.release()
    expect(notices).toContainEqual(expect.stringMatching(/no pg_cron.*create extension pg_cron/))
    expect(await database.query('select creditgate.sweep()')).toHaveLength(1)
  })
})

describe('twice at once', () => {
  it('ends well', async () => {
    await open(EXISTING + DATA)
    await Promise.all(Array.from({ length: 4 }, () => migrate()))
    expect(await reserve({ ai: 1 })).toMatchObject({ outcome: 'reserved' })
  })
})
