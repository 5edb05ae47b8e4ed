import type { Ledger } from '../ledger/ledger.ts'
import { postgresLedger } from '../ledger/postgres-ledger.ts'
import { createDataApiLedger } from './data-api.ts'
import { openDatabase } from './database.ts'
import type { Environment } from './environment.ts'
import { ConnectionError } from './exit.ts'

/** The operations of the library, over whichever way to the database the environment names: the direct one comes first. */
export interface LedgerConnection {
  readonly ledger: Ledger
  close(): Promise<void>
}

export const NO_WAY = 'nothing says where the database is: set DATABASE_URL (or SUPABASE_DB_URL), or SUPABASE_URL and SUPABASE_SECRET_KEY, in the environment or in .env'

/** @throws ConnectionError when neither is named. */
export async function openLedger(environment: Environment, folder: string): Promise<LedgerConnection> {
  if (environment.databaseUrl !== undefined) {
    const database = await openDatabase(environment, folder)
    return { ledger: postgresLedger(database.client), close: () => database.close() }
  }
  if (environment.dataApi !== undefined) return { ledger: createDataApiLedger(environment.dataApi), close: () => Promise.resolve() }
  throw new ConnectionError(NO_WAY)
}
