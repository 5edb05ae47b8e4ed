import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createGuard, postgresLedger, type Guard } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { Hono } from 'hono'
import { cors } from 'hono/cors'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { superuserUrl } from '../support/cluster.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed, type Account } from '../support/seed.ts'

/**
 * docs/security.md, carried out: a project of the classic kind, whose tables were there before the migration and whose
 * users may write them. The tests go on where the one before them stopped, as the page's reader does.
 */

const page = readFileSync(new URL('../../docs/security.md', import.meta.url), 'utf8')
const snippets = Array.from(page.matchAll(/^```sql\n([\s\S]*?)^```/gm), ([, sql]) => sql ?? '')
const run = new Set<string>()
const TABLES = ['AICredits', 'LeadCredits', 'SkipTraceCredits', 'UserProfileSubscription']

let database: Database
let owner: Account
let other: Account
let row: string
let guard: Guard

beforeAll(async () => {
  database = await createDatabase('project')
  await asSuperuser(`drop role if exists creditgate_app;
    create or replace function auth.uid() returns uuid language sql stable
    as $$ select (nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$`)
  await database.query('create table "UserProfileSubscription" (id uuid primary key default gen_random_uuid(), userid uuid not null, status text)')
  for (const table of TABLES.slice(0, 3)) {
    await database.query(`create table "${table}" (id uuid primary key, allotted integer, used integer default 0, resetindays integer, subscriptionid uuid references "UserProfileSubscription" (id))`)
  }
  await database.query(assembleMigration())
  owner = await createAccount(database)
  other = await createAccount(database)
  row = await addCredits(database, owner, { allotted: 100, used: 30 })
  await addCredits(database, owner, { type: 'lead', allotted: 5 })
  await addCredits(database, owner, { type: 'skipTrace', allotted: 6 })
  await addCredits(database, other, { allotted: 7 })
  const identity = { verify: () => Promise.resolve({ outcome: 'verified', user: { id: owner.user, anonymous: false, clientId: undefined, claims: {} } } as const) }
  guard = createGuard({ identity, ledger: postgresLedger(database.pool) })
})
afterAll(async () => {
  await database.drop()
  await asSuperuser('drop role if exists creditgate_app', 'postgres')
})

async function asSuperuser(statement: string, name = database.name): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl(Number(new URL(database.url).port), name) })
  await client.connect()
  await client.query(statement).finally(() => client.end())
}

/** The one snippet that has these words. */
function readSnippet(words: string): string {
  const [found, ...more] = snippets.filter((snippet) => snippet.includes(words))
  if (found === undefined || more.length > 0) throw new Error(`docs/security.md has ${more.length === 0 ? 'no snippet' : 'several snippets'} with ${words}`)
  run.add(found)
  return found
}

/** Runs statements as the Data API does for a request: the role and the claims of its token, for one transaction. */
async function queryAs<Row extends object>(role: 'authenticated' | 'anon', user: string | undefined, statement: string): Promise<readonly Row[]> {
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    await client.query(`set local role ${role}`)
    await client.query("select set_config('request.jwt.claims', $1, true)", [JSON.stringify({ role, ...(user !== undefined && { sub: user }) })])
    return (await client.query<Row>(statement)).rows
  } finally {
    await client.query('rollback')
    client.release()
  }
}
const tryAs = (role: 'authenticated' | 'anon', statement: string): Promise<unknown> =>
  queryAs(role, role === 'anon' ? undefined : owner.user, statement).then(
    () => 'done',
    (error: unknown) => (error as { code: string }).code,
  )
const CHANGES = TABLES.flatMap((table) => [`update "${table}" set id = id`, `insert into "${table}" (id) values ('${randomUUID()}')`, `delete from "${table}"`, `truncate "${table}" cascade`])

it('on a project of the classic kind a signed-in user can set back what they used, and the query shows it', async () => {
  expect(await queryAs('authenticated', owner.user, 'update "AICredits" set used = 0 returning used')).toHaveLength(2)
  const shown = await database.query(readSnippet('"row level security"'))
  expect(shown).toHaveLength(TABLES.length * 2 * 4)
  expect(shown).toContainEqual({ table: 'AICredits', role: 'authenticated', privilege: 'update', 'row level security': false })
})

it('revoking a column alone does nothing', async () => {
  await database.query('revoke update (used) on "AICredits" from authenticated')
  expect(await tryAs('authenticated', 'update "AICredits" set used = 0')).toBe('done')
})

it('once shut, the tables can be neither read nor changed, whatever a policy says, and the query shows nothing', async () => {
  await database.query('create policy lax on "AICredits" for all to authenticated using (true)')
  await database.query('grant update (used) on "AICredits" to anon')
  await database.query(readSnippet('revoke all on table'))
  expect(await database.query(readSnippet('"row level security"'))).toEqual([])
  for (const role of ['authenticated', 'anon'] as const) {
    for (const statement of [...CHANGES, ...TABLES.map((table) => `select from "${table}"`)]) expect(await tryAs(role, statement), `${role}: ${statement}`).toBe('42501')
  }
  await database.query('drop policy lax on "AICredits"')
})

it('a signed-in user reads their own balance nevertheless, and the guard goes on', async () => {
  const balance = readSnippet('creditgate_balance')
  expect(await queryAs('authenticated', owner.user, balance)).toMatchObject([{ creditgate_balance: { ai: { remaining: 70 }, lead: { remaining: 5 } } }])
  expect(await queryAs('authenticated', other.user, balance)).toMatchObject([{ creditgate_balance: { ai: { remaining: 7 } } }])
  expect(await tryAs('anon', balance)).toBe('42501')
  expect(await charge()).toBe(32)
})

it('with the policies a signed-in user sees their own rows, nobody the rows of another, and no one changes any', async () => {
  await database.query(readSnippet('create policy'))
  const see = (user: string, table: string) => queryAs<{ id: string }>('authenticated', user, `select * from "${table}"`)
  expect(await see(owner.user, 'AICredits')).toMatchObject([{ id: row, used: 32, subscriptionid: owner.subscription }])
  for (const table of ['LeadCredits', 'SkipTraceCredits']) expect(await see(owner.user, table)).toMatchObject([{ subscriptionid: owner.subscription }])
  expect(await see(owner.user, 'UserProfileSubscription')).toMatchObject([{ id: owner.subscription }])
  expect(await see(other.user, 'AICredits')).toMatchObject([{ allotted: 7 }])
  expect(await see(other.user, 'LeadCredits')).toEqual([])
  expect(await see(randomUUID(), 'AICredits')).toEqual([])
  for (const statement of CHANGES) expect(await tryAs('authenticated', statement), statement).toBe('42501')
  expect(await tryAs('anon', 'select from "AICredits"')).toBe('42501')
  expect(await database.query(readSnippet('"row level security"'))).toEqual([])
  expect(await charge()).toBe(34)
})

it('the role of its own holds, renews and settles, and reads no table', async () => {
  await database.query(readSnippet('create role creditgate_app'))
  const url = new URL(database.url)
  Object.assign(url, { username: 'creditgate_app', password: encodeURIComponent('<PASSWORD>') })
  const pool = new pg.Pool({ connectionString: url.href, max: 2 })
  try {
    const ledger = postgresLedger(pool)
    const [held, given] = [randomUUID(), randomUUID()]
    for (const id of [held, given]) expect(await ledger.reserve([{ id, user: owner.user, amounts: { ai: 1 }, lease: 60 }])).toMatchObject([{ outcome: 'reserved' }])
    expect(await ledger.extend([{ id: held, lease: 90 }])).toMatchObject([{ outcome: 'extended' }])
    expect(await ledger.commit([{ id: held }])).toMatchObject([{ outcome: 'committed' }])
    expect(await ledger.refund([{ id: given }])).toMatchObject([{ outcome: 'refunded' }])
    expect(await ledger.version()).toMatchObject({ creditTypes: ['ai', 'lead', 'skipTrace'] })
    await expect(ledger.reset([{ subscription: owner.subscription, creditType: 'ai', key: 'k' }])).rejects.toMatchObject({ code: '42501' })
    for (const table of [...TABLES.map((name) => `"${name}"`), 'creditgate.reservations', 'creditgate.violations']) {
      await expect(pool.query(`select from ${table}`), table).rejects.toMatchObject({ code: '42501' })
    }
  } finally {
    await pool.end()
  }
})

it('every snippet of the page has been run, and no row breaks a promise', async () => {
  expect(snippets.filter((snippet) => !run.has(snippet))).toEqual([])
  await expectNoViolations(database)
})

it('every column that is stored is in the table of what is stored, and none that is not', async () => {
  const columns = await database.query<{ table: string; columns: string }>(
    `select table_name as "table", string_agg(column_name, ', ' order by ordinal_position) as columns
     from information_schema.columns join information_schema.tables using (table_schema, table_name)
     where table_schema = 'creditgate' and table_type = 'BASE TABLE' group by 1`,
  )
  const told = Array.from(page.matchAll(/^\| `(\w+)` \| (`\w+`(?:, `\w+`)*) \|/gm), ([, table, names = '']) => ({ table, columns: names.replaceAll('`', '') }))
  const bySort = (a: { table?: string | undefined }, b: { table?: string | undefined }): number => (a.table ?? '').localeCompare(b.table ?? '')
  expect(told.sort(bySort)).toEqual(columns.sort(bySort))
})

describe('with CORS in front, as on the page', () => {
  const origin = 'https://app.example.com'
  const options = { origin, allowHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key'], exposeHeaders: ['Retry-After'] }
  const createApp = () =>
    new Hono().use(cors(options)).post('/summary', honoCredits(guard)('ai', 2), (c) => c.text('...'))

  it('the page says the same options', () => {
    const [, given] = /cors\(\{([\s\S]*?)\}\)/.exec(page) ?? []
    expect(given?.replaceAll(/\s+/g, ' ').trim()).toBe(`origin: '${origin}', allowHeaders: ['Authorization', 'Content-Type', 'Idempotency-Key'], exposeHeaders: ['Retry-After'],`)
  })

  it('a preflight passes without a token and costs nothing', async () => {
    const before = await readUsed(database, row)
    const response = await createApp().request('/summary', { method: 'OPTIONS', headers: { Origin: origin, 'Access-Control-Request-Method': 'POST' } })
    expect(response.status).toBe(204)
    expect(response.headers.get('Access-Control-Allow-Headers')).toContain('Idempotency-Key')
    expect(await readUsed(database, row)).toBe(before)
  })

  it('an admitted response exposes the credits, a denied one can be read, and both expose when to come again', async () => {
    const ask = (headers: Record<string, string>) => createApp().request('/summary', { method: 'POST', headers: { Origin: origin, ...headers } })
    const admitted = await ask({ Authorization: 'Bearer good' })
    expect([admitted.status, await admitted.text()]).toEqual([200, '...'])
    expect(admitted.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    for (const name of ['Retry-After', 'Credits-Reservation', 'Credits-Remaining']) expect(admitted.headers.get('Access-Control-Expose-Headers')).toContain(name)
    const denied = await ask({})
    expect(denied.status).toBe(401)
    expect(denied.headers.get('Access-Control-Allow-Origin')).toBe(origin)
    expect(denied.headers.get('Access-Control-Expose-Headers')).toContain('Retry-After')
  })
})

/** Two AI credits, by the guard. Resolves with what the row then says. */
async function charge(): Promise<number | undefined> {
  const admission = await guard.requireCredits('ai', 2).admit({ method: 'POST', authorization: 'Bearer good', context: {} })
  if (admission.outcome !== 'admitted') throw new Error(`not admitted: ${admission.outcome}`)
  await admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
  return readUsed(database, row)
}
