import { readFileSync } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import postgres from 'postgres'
import { postgresLedger, supabaseLedger, type Ledger } from 'creditgate'
import { assembleMigration } from '../../src/migration.ts'
import { startDataApi } from './data-api.ts'
import { createDatabase } from './database.ts'
import type { Queryable } from './seed.ts'

/** A ledger over one kind of connection, and a way to look into its database from behind. */
export interface LedgerFixture {
  readonly ledger: Ledger
  readonly database: Queryable
  /** For the role that owns the project; empty for PGlite, which nobody else can connect to. */
  readonly url: string
  close(): Promise<void>
}

/** Every kind of connection that is supported, each on real parts. */
export const LEDGERS: Readonly<Record<string, () => Promise<LedgerFixture>>> = {
  'PGlite': async () => {
    const database = await PGlite.create()
    await database.exec(readFileSync(new URL('supabase-shim.sql', import.meta.url), 'utf8'))
    await database.exec(assembleMigration())
    return {
      ledger: postgresLedger(database),
      url: '',
      database: {
        query: async <Row extends object>(text: string, values: readonly unknown[] = []) => (await database.query<Row>(text, [...values])).rows,
      },
      close: () => database.close(),
    }
  },
  'Postgres through pg': async () => {
    const database = await createDatabase()
    return { ledger: postgresLedger(database.pool), database, url: database.url, close: () => database.drop() }
  },
  'Postgres through postgres.js': async () => {
    const database = await createDatabase()
    const client = postgres(database.url, { max: 10 })
    return {
      ledger: postgresLedger(client),
      database,
      url: database.url,
      async close() {
        await client.end()
        await database.drop()
      },
    }
  },
  'PostgREST through supabase-js': async () => {
    const database = await createDatabase()
    const api = await startDataApi(database.url)
    return {
      ledger: supabaseLedger(await api.createClient('service_role')),
      database,
      url: database.url,
      async close() {
        await api.stop()
        await database.drop()
      },
    }
  },
}
