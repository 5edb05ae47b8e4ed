import { spawnSync } from 'node:child_process'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount } from '../support/seed.ts'
import { createLogin, type Login } from './login.ts'
import { buildProgram, type Program, type Project } from './program.ts'

let program: Program
beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => program.remove())

let database: Database
let login: Login
let project: Project
let env: Record<string, string>
async function open(template: Parameters<typeof createDatabase>[0]): Promise<void> {
  database = await createDatabase(template)
  login = await createLogin(database)
  project = program.createProject('pg')
  env = { DATABASE_URL: login.url }
}
afterEach(async () => {
  await database.drop()
  await login.drop()
})

/** A project whose tables have other names than the default. */
const OWN_TABLES = `
  create schema billing;
  create type billing.plan_state as enum ('active', 'past_due', 'trialing', 'canceled');
  create table billing.plans (id uuid primary key, name text, owner uuid references auth.users (id), state billing.plan_state);
  create table billing.ai_credits (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid references billing.plans (id));
  create table "ExportCredits" (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid references billing.plans (id));
  create table old_credits (id bigint primary key, allotted int, used int, subscriptionid uuid)`
const FOUND = {
  creditTypes: { ai: 'billing.ai_credits', export: 'ExportCredits' },
  maxOpenReservations: 1000,
  subscriptions: { table: 'billing.plans', userColumn: 'owner', statusColumn: 'state', activeStatuses: ['active', 'trialing'] },
}
const readSettings = (): unknown => JSON.parse(project.read('creditgate.json'))
const readMigration = (): string => project.read(`supabase/migrations/${project.list('supabase/migrations').at(-1) ?? ''}`)

describe('creditgate init with a connection', () => {
  beforeEach(() => open('project'))

  it("finds the user's own tables and columns, and writes a migration that runs on them", async () => {
    await database.query(OWN_TABLES)
    const { code, stderr } = await project.run(['init', '--yes'], { env })
    expect(code).toBe(0)
    expect(readSettings()).toEqual(FOUND)
    for (const note of ['Credit tables found: billing.ai_credits, ExportCredits', 'Subscription table found: billing.plans', "Its column with the user's id: owner", 'Its column with the status: state', 'old_credits looks like a credit table, but lacks id uuid, resetindays integer']) expect(stderr).toContain(note)
    await database.query(readMigration())
    expect(await database.query('select name, table_schema from creditgate.credit_types order by 1')).toEqual([{ name: 'ai', table_schema: 'billing' }, { name: 'export', table_schema: 'public' }])
    expect(await project.run(['doctor'], { env })).toMatchObject({ stdout: expect.stringMatching(/ok +schema /) as string })
  })

  it('changes nothing in the database', async () => {
    await database.query(OWN_TABLES)
    const list = () => database.query("select c.oid::regclass::text, c.relacl::text from pg_class c where c.relnamespace in (select oid from pg_namespace where nspname in ('public', 'billing', 'creditgate')) order by 1")
    const before = await list()
    await project.run(['init', '--yes'], { env })
    expect(await list()).toEqual(before)
  })

  it('takes what the flags say over what it finds', async () => {
    await database.query(OWN_TABLES)
    await project.run(['init', '--yes', '--type', 'pdf=ExportCredits', '--status-column', 'none'], { env })
    expect(readSettings()).toMatchObject({ creditTypes: { pdf: 'ExportCredits' }, subscriptions: { table: 'billing.plans', userColumn: 'owner', statusColumn: null } })
  })

  it('takes the defaults where nothing is found, and where it shall not look', async () => {
    const { stderr } = await project.run(['init', '--yes'], { env })
    expect(stderr).toContain('No credit table was found: the migration creates them.')
    const found = readSettings()
    await database.query(OWN_TABLES)
    project = program.createProject('pg')
    await project.run(['init', '--yes', '--offline'], { env })
    expect(readSettings()).toEqual(found)
    expect(found).toMatchObject({ creditTypes: { ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits' }, subscriptions: { table: 'UserProfileSubscription', userColumn: 'userid', statusColumn: 'status' } })
  })

  it('says how to do without a database that cannot be reached, and does without a driver that is not there', async () => {
    const { code, stderr } = await project.run(['init', '--yes'], { env: { DATABASE_URL: 'postgresql://127.0.0.1:1/x' } })
    expect([code, project.list('.')]).toEqual([3, ['node_modules']])
    expect(stderr).toMatch(/ECONNREFUSED.*To do without it: --offline\n$/)
    project = program.createProject()
    const bare = await project.run(['init', '--yes'], { env })
    expect(bare).toMatchObject({ code: 0, stderr: expect.stringContaining('not looked for: a database connection needs a driver') as string })
    expect(project.list('supabase/migrations')).toHaveLength(1)
  })

  it('keeps to the default statuses where the table holds nothing else that means active', async () => {
    await database.query(`create table "Subscription" (id uuid primary key, user_id uuid, status text); insert into "Subscription" values (gen_random_uuid(), gen_random_uuid(), 'active')`)
    await project.run(['init', '--yes'], { env })
    expect(readSettings()).toMatchObject({ subscriptions: { table: 'Subscription', activeStatuses: ['active', 'trialing'] } })
  })

  it('takes the statuses that are written in the table', async () => {
    await database.query(`create table "Subscription" (id uuid primary key, "userId" text, "Status" text); insert into "Subscription" values (gen_random_uuid(), 'u', 'ACTIVE'), (gen_random_uuid(), 'v', 'GONE')`)
    await project.run(['init', '--yes'], { env })
    expect(readSettings()).toMatchObject({ subscriptions: { table: 'Subscription', userColumn: 'userId', statusColumn: 'Status', activeStatuses: ['ACTIVE'] } })
  })
})

/** util-linux's `script` makes the terminal. */
const terminal = process.platform === 'linux' && spawnSync('script', ['--version']).stdout.includes('util-linux')

/** Says in the title of a test why it is left out, where it is. */
const atTerminal = (title: string): string => (terminal ? title : `${title} (there is no terminal without util-linux's script)`)

describe.skipIf(!terminal)('in a terminal', () => {
  beforeEach(() => open('project'))

  it(atTerminal('init asks for each setting, takes an empty line for what it proposes, and then asks once more'), async () => {
    await database.query(OWN_TABLES)
    const { code, stdout } = await project.converse(['init'], ['\n', '\n', '\n', 'none\n', 'y\n'], { env })
    expect(stdout).toContain('Credit types and their tables [ai=billing.ai_credits export=ExportCredits]: ')
    expect(stdout).toMatch(/Written\. Next: npx supabase db push\r?\n$/)
    expect(code).toBe(0)
    expect(readSettings()).toMatchObject({ ...FOUND, subscriptions: { table: 'billing.plans', userColumn: 'owner', statusColumn: null } })
  })

  it(atTerminal('init asks again for what is no answer, and not for what a flag gave'), async () => {
    await database.query(OWN_TABLES)
    const answers = ['ai\n', 'ai=billing.ai_credits\n', '\n', 'active, past_due\n', 'yes\n']
    const { code, stdout } = await project.converse(['init', '--subscription-table', 'billing.plans', '--status-column', 'state'], answers, { env })
    expect(stdout).toContain('a credit type is given as <name>=<table>, not "ai"')
    expect(stdout).not.toContain('Subscription table [')
    expect(code).toBe(0)
    expect(readSettings()).toEqual({ creditTypes: { ai: 'billing.ai_credits' }, maxOpenReservations: 1000, subscriptions: { ...FOUND.subscriptions, activeStatuses: ['active', 'past_due'] } })
  })

  it.each([['no', 'n\n'], ['the end of the input', '\u0004'], ['an interrupt', '\u0003']])(atTerminal('%s at the last question writes nothing and ends with 1'), async (_case, answer) => {
    const { code, stdout } = await project.converse(['init', '--offline'], [answer])
    expect(code).toBe(1)
    expect(stdout).toMatch(/creditgate: nothing was written\r?\n$/)
    expect(project.list('.')).toEqual(['node_modules'])
  })
})

describe.skipIf(!terminal)('in a terminal, on a database that is set up', () => {
  beforeEach(() => open('migrated'))

  it.each([['y\n', 0, 2], ['n\n', 1, 1]])(atTerminal('grant asks before it adds: %j'), async (answer, expected, rows) => {
    const account = await createAccount(database)
    await addCredits(database, account)
    const { code, stdout } = await project.converse(['grant', account.subscription, 'ai', '5'], [answer], { env })
    expect(stdout).toContain(`Add 5 ai credits, never reset, to subscription ${account.subscription}? [y/N] `)
    expect(code).toBe(expected)
    expect(await database.query('select id from "AICredits"')).toHaveLength(rows)
  })

  it(atTerminal('doctor has colours, and none where NO_COLOR is set'), async () => {
    // eslint-disable-next-line no-control-regex -- the very thing that is looked for
    const coloured = /\u001b\[32mok {5}\u001b\[39m {2}schema/
    expect((await project.converse(['doctor'], [], { env })).stdout).toMatch(coloured)
    expect((await project.converse(['doctor'], [], { env: { ...env, NO_COLOR: '1' } })).stdout).toMatch(/\nok {7}schema/)
  })
})
