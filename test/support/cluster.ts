import { readFileSync } from 'node:fs'
import pg from 'pg'
import { assembleMigration } from '../../src/migration.ts'
import { startPostgres, type PostgresServer, type StartOptions } from './postgres-server.ts'

/** The databases every test's own is copied from: a bare Supabase project, and one that ran the migration. */
export const TEMPLATES = { project: 'template_project', migrated: 'template_migrated' } as const

/** A Postgres that holds the templates. */
export async function startCluster(options?: StartOptions): Promise<PostgresServer> {
  const server = await startPostgres(options)
  const { port } = server
  await run(superuserUrl(port, 'postgres'), `create database ${TEMPLATES.project}`)
  await run(superuserUrl(port, TEMPLATES.project), readFileSync(new URL('supabase-shim.sql', import.meta.url), 'utf8'))
  await run(superuserUrl(port, 'postgres'), `alter database ${TEMPLATES.project} owner to postgres`)
  await run(superuserUrl(port, 'postgres'), `create database ${TEMPLATES.migrated} template ${TEMPLATES.project} owner postgres`)
  await run(ownerUrl(port, TEMPLATES.migrated), assembleMigration())
  return server
}

/** The role that owns everything in a Supabase project, and that runs migrations: no superuser. */
export function ownerUrl(port: number, database: string): string {
  return `postgresql://postgres:postgres@127.0.0.1:${port}/${database}`
}

export function superuserUrl(port: number, database: string): string {
  return `postgresql://supabase_admin:supabase_admin@127.0.0.1:${port}/${database}`
}

async function run(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
