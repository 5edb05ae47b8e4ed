import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assembleMigration, type DatabaseConfig } from '../../src/migration.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'

const SQL = new URL('../../sql/', import.meta.url)
const SHIM = readFileSync(new URL('../support/supabase-shim.sql', import.meta.url), 'utf8')
const files = readdirSync(SQL).filter((file) => file.endsWith('.sql')).sort()

describe('the migration', () => {
  const migration = assembleMigration()

  it('holds every file of sql/ once, in the order of their names', () => {
    const plain = files.map((file) => readFileSync(new URL(file, SQL), 'utf8').trimEnd()).filter((sql) => !sql.includes('{{'))
    const positions = plain.map((sql) => migration.indexOf(sql))
    expect(plain.length).toBeGreaterThan(30)
    expect(plain.every((sql) => migration.split(sql).length === 2)).toBe(true)
    expect(positions).toEqual(positions.toSorted((one, other) => one - other))
  })

  it('has every placeholder filled', () => {
    expect(migration).not.toMatch(/\{\{|undefined|\[object/)
  })

  it('creates the version that this package works with', () => {
    expect(migration).toContain(`insert into creditgate.schema_versions (version) values (${SCHEMA_VERSION})`)
  })

  it('stands on the documented tables by default', () => {
    for (const [type, table] of [['ai', 'AICredits'], ['lead', 'LeadCredits'], ['skipTrace', 'SkipTraceCredits']]) {
      expect(migration).toContain(`select creditgate.adopt_credit_table('${type}', 'public', '${table}');`)
    }
    expect(migration).toContain(`from "public"."UserProfileSubscription" s`)
    expect(migration).toContain(`and s."status"::text in ('active', 'trialing')`)
  })

  it('is the same each time', () => {
    expect(assembleMigration({})).toBe(migration)
    expect(assembleMigration({ creditTypes: { ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits' }, subscriptions: { userColumn: 'userid' } })).toBe(migration)
  })

  it('ends with a line break, and has no empty files in it', () => {
    expect(migration).toMatch(/[^\n]\n$/)
    expect(migration).not.toContain('\n\n\n\n')
  })
})

describe('a configuration', () => {
  it('replaces the credit types', () => {
    const migration = assembleMigration({ creditTypes: { export: 'billing.ExportCredits' } })
    expect(migration).toContain(`select creditgate.adopt_credit_table('export', 'billing', 'ExportCredits');`)
    expect(migration).toContain('"billing"."ExportCredits"')
    expect(migration).not.toContain('AICredits')
  })

  it('replaces the table, the columns and the statuses of subscriptions', () => {
    const migration = assembleMigration({ subscriptions: { table: 'billing.plans', userColumn: 'owner', statusColumn: 'state', activeStatuses: ['paid'] } })
    expect(migration).toContain('from "billing"."plans" s')
    expect(migration).toContain('s."owner" = spender')
    expect(migration).toContain(`and s."state"::text in ('paid')`)
    expect(migration).not.toMatch(/"public"\."UserProfileSubscription"|"userid"|trialing/)
  })

  it('may say that every subscription is active', () => {
    const migration = assembleMigration({ subscriptions: { statusColumn: null } })
    expect(migration).not.toMatch(/\."status"|trialing/)
    expect(migration).toMatch(/where s\."userid" = spender::@user_type@\n/)
  })

  it.each<[string, unknown]>([
    ['creditTypes', { creditTypes: {} }],
    ['creditTypes', { creditTypes: [] }],
    ['creditTypes.ai', { creditTypes: { ai: '' } }],
    ['creditTypes.ai', { creditTypes: { ai: 'a.b.c' } }],
    ['creditTypes.ai', { creditTypes: { ai: '.AICredits' } }],
    ['creditTypes.ai', { creditTypes: { ai: 'a$b' } }],
    ['creditTypes.ai', { creditTypes: { ai: 'a\0b' } }],
    ['creditTypes.ai', { creditTypes: { ai: 'x'.repeat(64) } }],
    ['creditTypes.ai', { creditTypes: { ai: 7 } }],
    ['Skip-Trace', { creditTypes: { 'Skip-Trace': 'SkipTraceCredits' } }],
    ["ai'", { creditTypes: { "ai'": 'AICredits' } }],
    ['subscriptions.table', { subscriptions: { table: '' } }],
    ['subscriptions.userColumn', { subscriptions: { userColumn: '' } }],
    ['subscriptions.userColumn', { subscriptions: { userColumn: null } }],
    ['subscriptions.statusColumn', { subscriptions: { statusColumn: false } }],
    ['subscriptions.activeStatuses', { subscriptions: { activeStatuses: [] } }],
    ['subscriptions.activeStatuses', { subscriptions: { activeStatuses: 'active' } }],
    ['userColum', { subscriptions: { userColum: 'owner' } }],
    ['creditType', { creditType: {} }],
  ])('that is wrong is refused with the name of the setting: %s in %o', (name, config) => {
    const assemble = () => assembleMigration(config as DatabaseConfig)
    expect(assemble).toThrow(TypeError)
    expect(assemble).toThrow(name)
  })
})

describe('names with characters of SQL in them', () => {
  const user = randomUUID()
  const hostile = {
    creditTypes: { ai: `bill"ing.AI "Credits" 'x' -- \\`, lead: 'Lead%Credits; drop schema creditgate' },
    subscriptions: { table: `Sub'scrip"tions`, userColumn: `us"er'id \\ %s`, statusColumn: `sta'tus"`, activeStatuses: [`o'k`, 'back\\slash', '%s'] },
  }

  let database: PGlite
  beforeAll(async () => {
    database = await PGlite.create()
    await database.exec(SHIM)
    await database.exec('create schema "bill""ing"')
  })
  afterAll(() => database.close())

  it('are but names: the migration runs, twice, and credits can be reserved', async () => {
    await database.exec(assembleMigration(hostile))
    await database.exec(assembleMigration(hostile))
    const { rows } = await database.query<{ id: string }>(`insert into "Sub'scrip""tions" ("us""er'id \\ %s", "sta'tus""") values ($1, 'back\\slash') returning id`, [user])
    await database.query(`insert into "bill""ing"."AI ""Credits"" 'x' -- \\" (id, allotted, used, resetindays, subscriptionid) values (gen_random_uuid(), 10, 0, 30, $1)`, [rows[0]?.id])
    const request = { id: randomUUID(), user, amounts: { ai: 4 }, lease: 60 }
    const { rows: answers } = await database.query<{ answer: unknown[] }>('select creditgate_reserve($1::jsonb) as answer', [JSON.stringify([request])])
    expect(answers[0]?.answer).toMatchObject([{ outcome: 'reserved', balances: { ai: { remaining: 6 } } }])
  })

  it.each(['a$$b', '$body$; drop schema creditgate; --'])('are refused or harmless in a status: %s', async (status) => {
    const migrate = async () => database.exec(assembleMigration({ subscriptions: { activeStatuses: [status] } }))
    const failure: unknown = await migrate().then(
      () => undefined,
      (error: unknown) => error,
    )
    if (failure !== undefined) expect(failure).toMatchObject({ name: 'TypeError', message: expect.stringContaining('activeStatuses') as string })
  })
})
