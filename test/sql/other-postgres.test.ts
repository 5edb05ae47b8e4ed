import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { describeSchema, readCatalog } from '../support/catalog.ts'
import { startCluster, superuserUrl } from '../support/cluster.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { findOtherPostgres } from '../support/other-postgres.ts'
import type { PostgresServer } from '../support/postgres-server.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'
import { createSupabaseProject, HAS_SUPABASE_CLI } from '../support/supabase-project.ts'
import { createScenes } from './scene.ts'

/** The packaged Postgres is of version 17. What is said of the database holds on another one too. */

const other = findOtherPostgres()
const NAME = other === undefined ? 'another Postgres' : `Postgres ${other.version}`
const NEEDS = "(needs Debian's postgresql, or POSTGRES_BIN=$(bash .ci/debian-postgres <folder>))"

describe.skipIf(other === undefined)(`on ${NAME}`, () => {
  let server: PostgresServer
  let database: Database
  beforeAll(async () => {
    server = await startCluster({ binaries: other?.binaries ?? '' })
  })
  beforeEach(async () => {
    database = await createDatabase('project', server.port)
  })
  afterEach(() => database.drop())
  afterAll(() => server.stop())
  const { call } = createScenes(() => database)

  it(`an empty project becomes what golden/schema.txt says, and running it again changes nothing ${NEEDS}`, async () => {
    expect(await database.query('show server_version')).toMatchObject([{ server_version: expect.stringContaining(other?.version ?? '') as unknown }])
    await database.query(assembleMigration())
    expect(`${await describeSchema(database)}\n`).toBe(readFileSync(new URL('golden/schema.txt', import.meta.url), 'utf8'))
    const before = await readCatalog(database)
    await database.query(assembleMigration())
    expect(await readCatalog(database)).toBe(before)
  })

  it.each([1, 2, 3, 4])(`what was open at version %i is settled after the upgrade ${NEEDS}`, async (version) => {
    await database.query(readFileSync(new URL(`earlier/schema-${version}.sql`, import.meta.url), 'utf8'))
    const account = await createAccount(database)
    const row = await addCredits(database, account, { resetInDays: 30 })
    const [kept, returned] = [randomUUID(), randomUUID()]
    for (const id of [kept, returned]) await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60 })
    await database.query(assembleMigration())
    expect(await call('commit', { id: kept, amounts: 7 })).toMatchObject({ outcome: 'committed' })
    expect(await call('refund', { id: returned })).toMatchObject({ outcome: 'refunded' })
    expect(await readUsed(database, row)).toBe(7)
    await expectNoViolations(database)
  })

  it(`arrays reserve, commit and refund ${NEEDS}`, async () => {
    await database.query(assembleMigration())
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 25 })
    const ids = Array.from({ length: 3 }, () => randomUUID())
    const callAll = async (operation: string, requests: readonly object[]) =>
      (await database.query<{ answers: { outcome: string }[] }>(`select creditgate_${operation}($1::jsonb) as answers`, [JSON.stringify(requests)]))[0]?.answers.map(({ outcome }) => outcome)
    expect(await callAll('reserve', ids.map((id) => ({ id, user: account.user, amounts: { ai: 10 }, lease: 60 })))).toEqual(['reserved', 'reserved', 'insufficient'])
    expect(await callAll('commit', [{ id: ids[0], amounts: { ai: 4 } }])).toEqual(['committed'])
    expect(await callAll('refund', [{ id: ids[1] }])).toEqual(['refunded'])
    expect(await readUsed(database, row)).toBe(4)
    await expectNoViolations(database)
  })

  const canLint = other?.hasPlpgsqlCheck === true && HAS_SUPABASE_CLI
  it.skipIf(!canLint)("supabase db lint finds nothing, and finds a seeded fault (needs plpgsql_check, which .ci/debian-postgres unpacks, and a Supabase CLI for this platform)", async () => {
    const project = await createSupabaseProject()
    try {
      await enablePlpgsqlCheck(server.port, database.name)
      await database.query(assembleMigration())
      const lint = () => project.run('db', 'lint', `--remote=${database.url}`, '--schema', 'public,creditgate', '--level', 'warning', '--fail-on', 'error')
      const clean = await lint()
      expect(readIssues(clean.stdout)).toEqual([])
      expect(clean.code).toBe(0)
      await database.query("create function creditgate.fault() returns void language plpgsql set search_path = '' as 'begin perform nothing from creditgate.reservations; end'")
      const failed = await lint()
      expect(readIssues(failed.stdout)).toContain('creditgate.fault: error: column "nothing" does not exist')
      expect(failed.code).toBe(1)
    } finally {
      project.remove()
    }
  })
})

function readIssues(stdout: string): string[] {
  // Before it stands a remark on TLS.
  const report = /^\[\n[\s\S]*^\]/m.exec(stdout)?.[0] ?? '[]'
  const functions = JSON.parse(report) as { readonly function: string; readonly issues: readonly { readonly level: string; readonly message: string }[] }[]
  return functions.flatMap(({ function: name, issues }) => issues.map(({ level, message }) => `${name}: ${level}: ${message}`))
}

/** The CLI finds it in a schema of the search_path of the role it connects as, as on a hosted project. */
async function enablePlpgsqlCheck(port: number, name: string): Promise<void> {
  const superuser = new pg.Client({ connectionString: superuserUrl(port, name) })
  await superuser.connect()
  await superuser.query(`create schema extensions; grant usage on schema extensions to postgres; create extension plpgsql_check schema extensions;
    alter database ${name} set search_path = "$user", public, extensions`)
  await superuser.end()
}
