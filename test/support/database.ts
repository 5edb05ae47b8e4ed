import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { ownerUrl, superuserUrl, TEMPLATES } from './cluster.ts'

/** A database of one test file's own, copied from a template. */
export interface Database {
  readonly name: string
  /** For the role that owns the project, `postgres`. */
  readonly url: string
  readonly pool: pg.Pool
  query<Row extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>
  drop(): Promise<void>
}

/** @param port of the cluster it is made in. Default: the run's. */
export async function createDatabase(template: keyof typeof TEMPLATES = 'migrated', port = inject('postgresPort')): Promise<Database> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await asSuperuser(port, `create database ${name} template ${TEMPLATES[template]} owner postgres`)
  const url = ownerUrl(port, name)
  const pool = new pg.Pool({ connectionString: url, max: 20 })
  pool.on('error', () => undefined) // a connection that a test killed while it was idle
  return {
    name,
    url,
    pool,
    async query<Row extends object>(text: string, values: readonly unknown[] = []) {
      return (await pool.query<Row>(text, [...values])).rows
    },
    async drop() {
      await pool.end()
      await asSuperuser(port, `drop database ${name} with (force)`)
    },
  }
}

/** Copying a template fails while anyone is connected to it; a lock of the cluster makes copies queue instead. */
async function asSuperuser(port: number, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl(port, 'postgres') })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock(1)')
    await client.query(statement)
  } finally {
    await client.end()
  }
}
