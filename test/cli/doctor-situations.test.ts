import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from 'vitest'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { assembleMigration } from '../../src/migration.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { startDataApi } from '../support/data-api.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { findFreePort } from '../support/postgres-server.ts'
import { createAccount } from '../support/seed.ts'
import { startGateway } from './gateway.ts'
import { createLogin, type Login } from './login.ts'
import { buildProgram, keepSecret, type Program, type Project, type Result } from './program.ts'

let program: Program
beforeAll(async () => {
  program = await buildProgram()
})
afterAll(() => program.remove())

let database: Database
let login: Login
let project: Project
async function open(template: Parameters<typeof createDatabase>[0]): Promise<void> {
  database = await createDatabase(template)
  login = await createLogin(database)
  project = program.createProject('pg')
}
afterEach(async () => {
  await database.drop()
  await login.drop()
})

const examine = (env: Record<string, string> = {}): Promise<Result> => project.run(['doctor'], { env: { DATABASE_URL: login.url, ...env } })
async function listFaults(env: Record<string, string> = {}): Promise<{ code: number | null; faults: Finding[] }> {
  const { code, stdout } = await project.run(['doctor', '--json'], { env: { DATABASE_URL: login.url, ...env } })
  return { code, faults: (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ severity }) => severity !== 'ok') }
}

describe('a database that creditgate is not set up in', () => {
  beforeEach(() => open('project'))

  it('is said so, with the command', async () => {
    expect(await listFaults()).toMatchObject({ code: 1, faults: [{ check: 'schema', severity: 'error', command: 'npx creditgate init && npx supabase db push' }] })
    await database.query(assembleMigration())
    expect(await listFaults()).toMatchObject({ code: 0, faults: [] })
  })

  it('has its own credit tables looked at, under the names of the settings', async () => {
    await database.query(`create table plans (id uuid primary key, owner uuid); create table ai (id uuid primary key, allotted int, used int, resetindays int, subscriptionid uuid)`)
    project.write('creditgate.json', JSON.stringify({ creditTypes: { ai: 'ai' }, subscriptions: { table: 'plans', userColumn: 'owner', statusColumn: null } }))
    const { code, faults } = await listFaults()
    expect(code).toBe(1)
    expect(faults.map(({ check, severity, subject }) => [check, severity, subject])).toEqual([
      ['schema', 'error', null],
      ['table-access', 'error', 'public.ai'],
      ['table-access', 'error', 'public.plans'],
    ])
    for (const { sql } of faults) if (sql !== null) await database.query(sql)
    expect((await listFaults()).faults.map(({ check }) => check)).toEqual(['schema'])
  })
})

describe('a database that creditgate is set up in', () => {
  beforeEach(() => open('migrated'))

  it('of an older version is said to be one, until the migration was run', async () => {
    await database.query('update creditgate.schema_versions set version = $1', [SCHEMA_VERSION - 1])
    expect(await listFaults()).toMatchObject({ code: 1, faults: [{ check: 'schema', found: expect.stringContaining('older') as string, command: 'npx creditgate init && npx supabase db push' }] })
    await database.query(assembleMigration())
    expect(await listFaults()).toMatchObject({ code: 0, faults: [] })
  })

  it('of a newer version is said to be one, with the command that upgrades the package', async () => {
    await database.query('insert into creditgate.schema_versions (version) values (99)')
    expect(await listFaults()).toMatchObject({ code: 1, faults: [{ check: 'schema', found: expect.stringContaining('newer') as string, command: 'npm install creditgate@latest' }] })
  })

  it('that lacks a function is said to, with the command', async () => {
    await database.query('drop function creditgate_sweep(jsonb)')
    expect(await listFaults()).toMatchObject({ code: 1, faults: [{ check: 'grants', subject: 'public.creditgate_sweep(jsonb)', found: 'the function is missing', command: expect.stringContaining('creditgate sql') as string }] })
    await database.query(assembleMigration())
    expect(await listFaults()).toMatchObject({ code: 0, faults: [] })
  })

  it('whose subscription_of is its own is told so, and is not told which of two subscriptions to end', async () => {
    const { user } = await createAccount(database)
    await database.query(`insert into "UserProfileSubscription" (id, userid, status) values (gen_random_uuid(), $1, 'active')`, [user])
    const [generated] = await database.query<{ body: string }>("select prosrc as body from pg_proc where oid = 'creditgate.subscription_of(uuid)'::regprocedure")
    expect((await listFaults()).faults).toMatchObject([{ check: 'rows', severity: 'warning' }])
    await database.query(`create or replace function creditgate.subscription_of(spender uuid) returns uuid language plpgsql stable set search_path = '' as $$${generated?.body.replace('order by s.id', 'order by s.id desc') ?? ''}$$`)
    expect(await listFaults()).toMatchObject({ code: 0, faults: [{ check: 'subscription-of', severity: 'info', sql: null }] })
  })

  it('whose tables users may touch where it costs nothing is left in peace', async () => {
    await database.query(`
      alter table "UserProfileSubscription" add column nickname text;
      alter table "UserProfileSubscription" disable row level security;
      grant update (nickname) on "UserProfileSubscription" to authenticated;
      grant select, update on "AICredits" to authenticated;
      create policy "own rows are read" on "AICredits" for select to authenticated using (true);
      create policy "nobody" on "AICredits" for update to authenticated using (false);
      grant all on "LeadCredits" to authenticated;
      create policy "everybody" on "LeadCredits" using (true);
      create policy "but not here" on "LeadCredits" as restrictive to authenticated using (false);
      create policy "servers" on "SkipTraceCredits" to service_role using (true);
      grant all on "SkipTraceCredits" to authenticated;
      create view safe_view with (security_invoker = true) as select * from "AICredits";
      create view sums as select subscriptionid, sum(used) from "AICredits" group by 1;
      grant all on safe_view, sums to authenticated`)
    expect(await listFaults()).toMatchObject({ code: 0, faults: [] })
  })

  it('is seen by a role that may read little, which is told to connect as another', async () => {
    const [row] = await database.query<{ name: string }>(`select 'reader_' || md5(current_database()) as name`)
    const name = row?.name ?? ''
    const password = keepSecret('quiet-please-71')
    await database.query(`create role ${name} login password '${password}'`)
    try {
      const url = new URL(login.url)
      url.username = name
      url.password = password
      const { code, faults } = await listFaults({ DATABASE_URL: url.href })
      expect(code).toBe(1)
      expect(faults).toMatchObject([{ severity: 'error', found: expect.stringContaining('permission denied') as string, means: expect.stringContaining('Connect as the role that ran the migration') as string }])
    } finally {
      await database.query(`drop role ${name}`)
    }
  })

  it.each([['ahead of', 60_000], ['behind', -60_000]])('is compared with the clock of this machine: a minute %s it', async (word, milliseconds) => {
    const shifted = `--import=data:text/javascript,const%20now=Date.now;Date.now=()=>now()%2B(${milliseconds})`
    expect(await listFaults({ NODE_OPTIONS: shifted })).toMatchObject({ code: 0, faults: [{ check: 'clock', severity: 'warning', found: expect.stringMatching(new RegExp(`^this machine's clock is (59|60|61) seconds ${word} the database's$`)) as string }] })
  })

  it('is read by postgres.js just as well, where the project has that', async () => {
    await database.query(`alter table "AICredits" disable row level security; grant update on "AICredits" to authenticated`)
    const viaPg = await listFaults()
    project = program.createProject('postgres')
    expect(await listFaults()).toEqual(viaPg)
    expect(viaPg.faults).toHaveLength(1)
  })

  it('is reported on to people in aligned lines, with the SQL to mend it, and without colour in a pipe', async () => {
    await database.query(`alter table "AICredits" disable row level security; grant update on "AICredits" to authenticated`)
    const { code, stdout, stderr } = await examine({ FORCE_COLOR: '1' })
    expect([code, stderr]).toEqual([1, ''])
    expect(stdout).toContain(`ok       schema           schema version ${SCHEMA_VERSION}\n`)
    expect(stdout).toContain(`error    table-access     public."AICredits": authenticated can update, and row level security is off\n`)
    expect(stdout).toContain('           To mend it, in SQL:\n             alter table public."AICredits" enable row level security;\n')
    expect(stdout).toMatch(/\n\n1 error, 0 warnings\. Nothing was changed\.\n$/)
    // eslint-disable-next-line no-control-regex -- the very thing that must not be there
    expect(stdout).not.toMatch(/\u001b/)
  })

  it('is found through a variable of another name, and through .env', async () => {
    expect(await project.run(['doctor', '--db-url-env', 'STAGING_DB'], { env: { STAGING_DB: login.url, DATABASE_URL: 'postgresql://nowhere' } })).toMatchObject({ code: 0 })
    project.write('.env', `DATABASE_URL="${login.url}"\n`)
    expect(await project.run(['doctor'])).toMatchObject({ code: 0, stdout: expect.stringContaining(`as "${login.role}"`) as string })
  })

  it('is seen through the Data API by its version alone', async () => {
    const dataApi = await startDataApi(database.url)
    const gateway = await startGateway(dataApi.url)
    try {
      const env = { SUPABASE_URL: gateway.url, SUPABASE_SECRET_KEY: keepSecret(await dataApi.signKey('service_role')) }
      expect(await project.run(['doctor'], { env })).toMatchObject({ code: 0, stdout: expect.stringMatching(new RegExp(`ok +schema +schema version ${SCHEMA_VERSION}\n[^]*only the version can be seen`)) as string })
      const asAnon = { ...env, SUPABASE_SECRET_KEY: keepSecret(await dataApi.signKey('anon')) }
      expect(await project.run(['doctor'], { env: asAnon })).toMatchObject({ code: 1, stdout: expect.stringMatching(/error +schema +.*secret \(service_role\) key/) as string })
      await gateway.stop()
      expect(await project.run(['doctor'], { env })).toMatchObject({ code: 3, stdout: expect.stringMatching(/error +connection +cannot reach the Data API at http/) as string })
    } finally {
      await dataApi.stop()
    }
  })
})

describe('a database that cannot be reached', () => {
  beforeEach(() => open('project'))

  it.each<[string, (url: URL) => void | Promise<void>, RegExp]>([
    ['the password is wrong', (url) => void (url.password = keepSecret('wrong-password-9')), /password authentication failed.*the password or the user is wrong/],
    ['nothing listens there', async (url) => void (url.port = String(await findFreePort())), /ECONNREFUSED/],
    ['there is no such database', (url) => void (url.pathname = '/no_such_database'), /"no_such_database" does not exist/],
    ['there is no such host', (url) => void (url.hostname = 'no-such-host.invalid'), /ENOTFOUND|EAI_AGAIN/],
  ])('ends with 3 when %s, for pg and for postgres.js, and keeps the secret', async (_case, change, message) => {
    const url = new URL(login.url)
    await change(url)
    for (const driver of ['pg', 'postgres']) {
      const other = program.createProject(driver)
      const { code, stdout } = await other.run(['doctor', '--json'], { env: { DATABASE_URL: url.href } })
      expect(code).toBe(3)
      expect((JSON.parse(stdout) as { findings: Finding[] }).findings).toMatchObject([{ check: 'connection', severity: 'error', found: expect.stringMatching(message) as string }])
      expect(await other.run(['sweep'], { env: { DATABASE_URL: url.href } })).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(message) as string })
    }
  })

  it('ends with 3 when the project has no driver, and names the one to install', async () => {
    const bare = program.createProject()
    expect(await bare.run(['doctor'], { env: { DATABASE_URL: login.url } })).toMatchObject({ code: 3, stdout: expect.stringContaining('npm install --save-dev pg') as string })
  })
})
