import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/cli/database.ts'
import { examine as examineDatabase } from '../../src/cli/doctor/examination.ts'
import { listPromised } from '../../src/cli/doctor/function-grants-check.ts'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { assembleMigration, completeDatabaseConfig } from '../../src/migration.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, type Account } from '../support/seed.ts'
import { createLogin, type Login } from './login.ts'
import { buildProgram, type Program, type Project } from './program.ts'

/** Each finding has its fault here; before it, and after the SQL that is printed, the doctor does not find it. */

let database: Database
let login: Login
let program: Program
let project: Project
let account: Account
let row: string
beforeAll(async () => {
  program = await buildProgram()
  database = await createDatabase()
  login = await createLogin(database)
  project = program.createProject('pg')
  account = await createAccount(database)
  row = await addCredits(database, account, { allotted: 100, resetInDays: 30 })
})
afterAll(async () => {
  await database.drop()
  await login.drop()
  program.remove()
})

async function examine(env: Readonly<Record<string, string>> = {}): Promise<{ readonly code: number | null; readonly findings: readonly Finding[] }> {
  const { code, stdout, stderr } = await project.run(['doctor', '--json'], { env: { DATABASE_URL: login.url, ...env } })
  expect(stderr).toBe('')
  return { code, findings: (JSON.parse(stdout) as { findings: Finding[] }).findings }
}
async function examineAgain(): Promise<readonly Finding[]> {
  const opened = await openDatabase({ databaseUrl: login.url, dataApi: undefined, secrets: [] }, project.folder)
  return examineDatabase(opened, completeDatabaseConfig({})).finally(() => opened.close())
}
const listFaults = (findings: readonly Finding[]): readonly Finding[] => findings.filter(({ severity }) => severity === 'warning' || severity === 'error')

async function reserve(lease = 60): Promise<string> {
  const id = randomUUID()
  await database.query('select public.creditgate_reserve($1)', [JSON.stringify([{ id, user: account.user, amounts: { ai: 2 }, lease }])])
  return id
}

/** How a fault is seeded, and what is found then. */
interface Scenario {
  readonly fault: string | (() => Promise<unknown>)
  readonly check: string
  readonly severity: Finding['severity']
  readonly found: RegExp
  readonly subject?: string
  /** What else is undone after the printed SQL, to leave the database as it was. */
  readonly after?: string
  /** How many findings of the kind there are. Default 1. */
  readonly count?: number
}

const AI = 'public."AICredits"'
const SUBSCRIPTIONS = 'public."UserProfileSubscription"'

const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'a credit table that signed-in users can change, without row level security': {
    fault: `alter table "AICredits" disable row level security; grant select, update on "AICredits" to authenticated`,
    check: 'table-access', severity: 'error', subject: AI, found: /^authenticated can update, and row level security is off$/,
    after: `revoke select on "AICredits" from authenticated`,
  },
  'a credit table as the classic default privileges leave it': {
    fault: `alter table "LeadCredits" disable row level security; grant all on "LeadCredits" to anon, authenticated`,
    check: 'table-access', severity: 'error', subject: 'public."LeadCredits"', found: /^anon and authenticated can insert, update and delete, and row/,
    after: `revoke all on "LeadCredits" from anon, authenticated`,
  },
  'a credit table with an update granted to everybody': {
    fault: `alter table "AICredits" disable row level security; grant update on "AICredits" to public`,
    check: 'table-access', severity: 'error', subject: AI, found: /^anon and authenticated can update, and row level security is off$/,
  },
  'a single column that can be changed': {
    fault: `alter table "AICredits" disable row level security; grant update (used) on "AICredits" to authenticated`,
    check: 'table-access', severity: 'error', subject: AI, found: /^authenticated can update, and row level security is off$/,
  },
  'a policy that lets owners change their row': {
    fault: `create policy "own rows" on "AICredits" for update to authenticated using (true); grant update on "AICredits" to authenticated`,
    check: 'table-access', severity: 'error', subject: AI, found: /^authenticated can update, let through by the policy "own rows"$/,
    after: `drop policy "own rows" on "AICredits"`,
  },
  'a policy for all commands and everybody': {
    fault: `create policy "all of it" on "AICredits" using (true); grant insert on "AICredits" to authenticated`,
    check: 'table-access', severity: 'error', subject: AI, found: /^authenticated can insert, let through by the policy "all of it"$/,
    after: `drop policy "all of it" on "AICredits"`,
  },
  'a policy that lets owners change their row, beside one that restricts something else': {
    fault: `create policy "own rows" on "AICredits" for update to authenticated using (true); create policy "of today" on "AICredits" as restrictive to authenticated using (cyclestart > '2020-01-01'); grant update on "AICredits" to authenticated`,
    check: 'table-access', severity: 'error', subject: AI, found: /^authenticated can update, let through by the policy "own rows"$/,
    after: `drop policy "own rows" on "AICredits"; drop policy "of today" on "AICredits"`,
  },
  'a policy that names service_role': {
    fault: `create policy "server" on "AICredits" using (current_setting('role') = 'service_role'); grant update on "AICredits" to authenticated`,
    check: 'table-access', severity: 'warning', subject: AI, found: /let through by the policy "server"$/,
    after: `drop policy "server" on "AICredits"`,
  },
  'a credit table that everybody can read': {
    fault: `alter table "AICredits" disable row level security; grant select on "AICredits" to anon`,
    check: 'table-access', severity: 'warning', subject: AI, found: /^anon can read, and row level security is off$/,
    after: `revoke select on "AICredits" from anon`,
  },
  'a subscription table that signed-in users can change': {
    fault: `alter table "UserProfileSubscription" disable row level security; grant update (status) on "UserProfileSubscription" to authenticated`,
    check: 'table-access', severity: 'error', subject: SUBSCRIPTIONS, found: /^authenticated can update, and row level security is off$/,
  },
  'a subscription table whose policy lets owners change their row': {
    fault: `create policy "mine" on "UserProfileSubscription" for update to authenticated using (true); grant update on "UserProfileSubscription" to authenticated`,
    check: 'table-access', severity: 'warning', subject: SUBSCRIPTIONS, found: /let through by the policy "mine"$/,
    after: `drop policy "mine" on "UserProfileSubscription"`,
  },
  'a view that writes past the policies': {
    fault: `create view credits_of_ai as select * from "AICredits"; grant all on credits_of_ai to anon, authenticated`,
    check: 'view-access', severity: 'error', subject: 'public.credits_of_ai', found: /^anon and authenticated can change public."AICredits" through this view$/,
    after: `drop view credits_of_ai`,
  },
  'an entry point that a signed-in user may call': {
    fault: `grant execute on function creditgate_reserve(jsonb) to authenticated`,
    check: 'grants', severity: 'error', subject: 'public.creditgate_reserve(jsonb)', found: /^authenticated may use it$/,
  },
  'a function of ours that everybody may call': {
    fault: `grant execute on function creditgate.reset(jsonb) to public`,
    check: 'grants', severity: 'error', subject: 'creditgate.reset(jsonb)', found: /^anon and authenticated may use it$/,
  },
  'a table of ours that a signed-in user may read': {
    fault: `grant select on creditgate.reservations to authenticated`,
    check: 'grants', severity: 'error', subject: 'creditgate.reservations', found: /^authenticated may use it$/,
  },
  'an entry point that the server may not call': {
    fault: `revoke execute on function creditgate_commit(jsonb) from service_role`,
    check: 'grants', severity: 'error', subject: 'public.creditgate_commit(jsonb)', found: /^service_role may not use it$/,
  },
  'no index on subscriptionid': {
    fault: `drop index "AICredits_subscriptionid_idx"`,
    check: 'indexes', severity: 'warning', subject: AI, found: /^no index begins with subscriptionid$/,
  },
  'no index on the column of the user': {
    fault: `drop index "UserProfileSubscription_userid_idx"`,
    check: 'indexes', severity: 'warning', subject: SUBSCRIPTIONS, found: /^no index begins with "?userid"?$/,
  },
  'pages that are filled to the brim': {
    fault: `alter table "SkipTraceCredits" reset (fillfactor)`,
    check: 'indexes', severity: 'warning', subject: 'public."SkipTraceCredits"', found: /fillfactor 100/,
  },
  'rows without a subscription': {
    fault: `insert into "AICredits" (id, allotted, used) values (gen_random_uuid(), 10, 0), (gen_random_uuid(), 10, 0)`,
    check: 'rows', severity: 'warning', subject: AI, found: /^2 rows have no subscriptionid$/,
  },
  'no foreign key': {
    fault: `alter table "AICredits" drop constraint "AICredits_subscriptionid_fkey"`,
    check: 'rows', severity: 'warning', subject: AI, found: /^no foreign key holds subscriptionid/,
  },
  'rows whose subscription is gone, and no foreign key': {
    fault: `alter table "AICredits" drop constraint "AICredits_subscriptionid_fkey"; insert into "AICredits" (id, allotted, used, subscriptionid) values (gen_random_uuid(), 10, 0, gen_random_uuid())`,
    check: 'rows', severity: 'warning', subject: AI, found: /^1 row has a subscriptionid that is no subscription$|^no foreign key/, count: 2,
  },
  'a user with two active subscriptions': {
    fault: () => database.query(`insert into "UserProfileSubscription" (id, userid, status) values (gen_random_uuid(), $1, 'trialing'), (gen_random_uuid(), $1, 'over')`, [account.user]),
    check: 'rows', severity: 'warning', subject: SUBSCRIPTIONS, found: /^1 user has several active subscriptions, for example /,
    after: `delete from "UserProfileSubscription" where id not in (select subscriptionid from "AICredits"); update "UserProfileSubscription" set status = 'active'`,
  },
  'a writer who takes from used': {
    fault: async () => {
      await reserve()
      await database.query('update "AICredits" set used = used - 1 where id = $1', [row])
    },
    check: 'violations', severity: 'error', found: /^used is \d+, and \d+ is accounted for \(-1\)$/,
  },
  'an allotment that was lowered under what is used': {
    fault: async () => {
      await reserve()
      await database.query('update "AICredits" set allotted = 1 where id = $1', [row])
    },
    check: 'violations', severity: 'warning', found: /^used is \d+, and only 1 is allotted$/,
    after: `update "AICredits" set allotted = 100`,
  },
  'a reservation long past its lease': {
    fault: async () => {
      const id = await reserve()
      await endLease(database, id)
      await database.query("update creditgate.reservations set lease_until = lease_until - interval '1 hour' where id = $1", [id])
    },
    check: 'reservations', severity: 'warning', found: /^1 open reservation is more than 15 minutes past the lease/,
  },
  'a database that may forget what it said was done': {
    fault: () => database.query(`do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$`),
    check: 'durability', severity: 'warning', found: /^synchronous_commit is off$/,
  },
  'a role that may forget what it said was done': {
    fault: () => database.query(`do $$ begin execute format('alter role service_role in database %I set synchronous_commit = off', current_database()); end $$`),
    check: 'durability', severity: 'warning', found: /^synchronous_commit is off$/,
  },
}

describe('creditgate doctor', () => {
  it('finds nothing wrong with a database that is as the migration leaves it, and says what it looked at', async () => {
    const { code, findings } = await examine()
    expect(findings.map(({ check, severity }) => `${check} ${severity}`)).toEqual([
      'connection ok', 'schema ok', 'subscription-of ok', 'grants ok', 'table-access ok', 'view-access ok', 'indexes ok', 'rows ok', 'violations ok', 'reservations ok', 'clock ok', 'durability ok',
    ])
    expect(code).toBe(0)
  })

  it('looks at the grants of every function, table and view of ours', async () => {
    const [ours] = await database.query<{ names: string[] }>(`
      select array(select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                   where n.nspname = 'creditgate' or (n.nspname = 'public' and p.proname like 'creditgate\\_%') union all
                   select c.oid::regclass::text from pg_class c where c.relnamespace = 'creditgate'::regnamespace and c.relkind in ('r', 'v')) as names`)
    const promised = await database.query<{ name: string }>(
      `select case o.kind when 'function' then to_regprocedure(o.name)::text else to_regclass(o.name)::text end as name from jsonb_to_recordset($1) as o (kind text, name text)`,
      [JSON.stringify(listPromised(assembleMigration()))],
    )
    expect(promised.map(({ name }) => name).sort()).toEqual(ours?.names.sort())
  })

  it.each(Object.entries(SCENARIOS))('finds %s, and no longer once its SQL was run', async (_name, { fault, check, severity, found, subject, after, count = 1 }) => {
    await (typeof fault === 'string' ? database.query(fault) : fault())
    const { code, findings } = await examine()
    const faults = listFaults(findings)
    for (const finding of faults) {
      expect(finding).toMatchObject({ check, severity, found: expect.stringMatching(found) as string, means: expect.stringMatching(/\.$/) as string, sql: expect.stringMatching(/;/) as string })
      if (subject !== undefined) expect(finding.subject).toBe(subject)
    }
    expect(faults).toHaveLength(count)
    expect(code).toBe(severity === 'error' ? 1 : 0)

    for (const { sql } of faults) await database.query(sql ?? '')
    // The same as the program does, without its start.
    expect(listFaults(await examineAgain())).toEqual([])
    if (after !== undefined) await database.query(after)
  })
})
