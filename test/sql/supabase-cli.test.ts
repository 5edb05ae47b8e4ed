import { PassThrough } from 'node:stream'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { assembleMigration } from '../../src/migration.ts'
import { readCatalog } from '../support/catalog.ts'
import type { Database } from '../support/database.ts'
import { createSupabaseProject, HAS_SUPABASE_CLI, type SupabaseProject } from '../support/supabase-project.ts'
import { createProject } from '../support/worlds.ts'

/** What a user does: `creditgate init`, `supabase db push`, and what Supabase's own advisors then say. By the real CLI. */

const NEEDS_CLI = '(needs a Supabase CLI for this platform)'

async function init(project: SupabaseProject, ...flags: readonly string[]): Promise<void> {
  const [stdin, stdout, stderr] = [new PassThrough().end(), new PassThrough(), new PassThrough()]
  const code = await run(['init', '--yes', '--offline', '--dir', project.folder, ...flags], { stdin, stdout, stderr, env: {}, cwd: project.folder })
  expect(code).toBe(0)
}

describe.skipIf(!HAS_SUPABASE_CLI).each(['classic', 'hardened'] as const)('a project whose default privileges are %s', (world) => {
  let project: SupabaseProject
  let database: Database
  let remote: string
  beforeAll(async () => {
    project = await createSupabaseProject()
    database = await createProject(world)
    remote = `--remote=${database.url}`
    await init(project)
  })
  afterAll(async () => {
    await database.drop()
    project.remove()
  })

  it(`is pushed the generated migration, then has nothing to be pushed, and is what running it by hand makes ${NEEDS_CLI}`, async () => {
    const pushed = await project.run('db', 'push', remote, '--yes')
    expect(pushed.stderr).toContain(`Applying migration ${project.listMigrations()[0]}`)
    expect(pushed.code).toBe(0)
    const again = await project.run('db', 'push', remote, '--yes')
    expect(again.stdout).toContain('up to date')
    expect(again.stderr).not.toContain('Applying')
    expect(again.code).toBe(0)

    const byHand = await createProject(world)
    await byHand.query(assembleMigration())
    const expected = await readCatalog(byHand).finally(() => byHand.drop())
    expect(await readCatalog(database)).toBe(expected)
    expect(await database.query('select name from supabase_migrations.schema_migrations')).toEqual([{ name: 'creditgate' }])
  })

  it(`is pushed a migration of another configuration after it ${NEEDS_CLI}`, async () => {
    await init(project, '--status-column', 'none')
    expect(await project.run('db', 'push', remote, '--yes')).toMatchObject({ code: 0 })
    expect(await database.query("select from pg_proc where proname = 'subscription_of' and prosrc like '%status%'")).toEqual([])
    expect(await database.query('select from supabase_migrations.schema_migrations')).toHaveLength(2)
  })

  it(`has nothing that the advisors warn of, and they do warn of a seeded fault ${NEEDS_CLI}`, async () => {
    const advise = () => project.run('db', 'advisors', remote, '--type', 'all', '--level', 'warn', '--fail-on', 'warn')
    const clean = await advise()
    expect(clean.stderr).toContain('No issues found')
    expect(clean.code).toBe(0)
    await database.query("create function creditgate.fault() returns int language sql as 'select 1'")
    const warned = await advise()
    expect(warned.stdout).toContain('creditgate.fault')
    expect(warned.code).toBe(1)
    await database.query('drop function creditgate.fault()')
  })
})

describe.skipIf(!HAS_SUPABASE_CLI)('a push that fails', () => {
  it(`leaves nothing behind, and the mended one goes through ${NEEDS_CLI}`, async () => {
    const [project, database] = [await createSupabaseProject(), await createProject('classic')]
    try {
      await database.query('create table "AICredits" (id uuid primary key)')
      const before = await readCatalog(database)
      await init(project)
      const failed = await project.run('db', 'push', `--remote=${database.url}`, '--yes')
      expect(failed.code).toBe(1)
      expect(failed.stderr).toContain('it lacks the columns')
      expect(await readCatalog(database)).toBe(before)

      writeFileSync(join(project.folder, 'supabase', 'migrations', '20200101000000_mend.sql'), 'drop table "AICredits";')
      expect(await project.run('db', 'push', `--remote=${database.url}`, '--yes')).toMatchObject({ code: 0 })
      expect(await database.query('select public.creditgate_version()')).toHaveLength(1)
    } finally {
      await database.drop()
      project.remove()
    }
  })
})

describe.skipIf(!HAS_SUPABASE_CLI)('supabase db lint', () => {
  it(`cannot run on the packaged Postgres, and says why: other-postgres.test.ts has it run where plpgsql_check is installed ${NEEDS_CLI}`, async () => {
    const [project, database] = [await createSupabaseProject(), await createProject('classic')]
    try {
      const linted = await project.run('db', 'lint', `--remote=${database.url}`)
      expect(linted.stderr).toContain('extension "plpgsql_check" is not available')
      expect(linted.code).toBe(1)
    } finally {
      await database.drop()
      project.remove()
    }
  })
})
