import type { PostgresJsLike, QueryableLike } from '../ledger/postgres-ledger.ts'
import { loadDriver } from './driver.ts'
import type { Environment } from './environment.ts'
import { ConnectionError } from './exit.ts'

/** A direct connection to the user's database. */
export interface Database {
  readonly client: QueryableLike | PostgresJsLike
  /** The rows of a select, as JSON gives them, so that every driver gives the same. */
  select<Row extends object>(text: string, values?: readonly string[]): Promise<readonly Row[]>
  /** Any other statement. Resolves to how many rows it returned. */
  execute(text: string, values?: readonly string[]): Promise<number>
  close(): Promise<void>
}

/** Settings that other tools put into connection strings, which a server would refuse as its own. */
const FOREIGN_SETTINGS = ['pgbouncer', 'connection_limit', 'pool_timeout', 'schema', 'supa']

/** @throws ConnectionError saying what is missing or what went wrong, without the connection string. */
export async function openDatabase({ databaseUrl }: Environment, folder: string): Promise<Database> {
  if (databaseUrl === undefined) {
    throw new ConnectionError('this needs a direct database connection: set DATABASE_URL or SUPABASE_DB_URL, in the environment or in .env, or name another variable with --db-url-env')
  }
  const driver = loadDriver(folder, cleanUrl(databaseUrl))
  try {
    await driver.connect()
  } catch (error) {
    await driver.end().catch(() => undefined)
    throw new ConnectionError(`cannot connect to the database: ${describeFailure(error)}`, { cause: error })
  }
  return {
    client: driver.client,
    async select<Row>(text: string, values: readonly string[] = []) {
      const [row] = await driver.query(`select coalesce(jsonb_agg(to_jsonb(found)), '[]')::text as found from (${text}) found`, [...values])
      return JSON.parse((row as { found: string }).found) as readonly Row[]
    },
    execute: async (text, values = []) => (await driver.query(text, [...values])).length,
    close: () => driver.end().catch(() => undefined),
  }
}

function cleanUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new ConnectionError('the connection string of the database is none: it begins with postgresql://, and special characters of the password are percent-encoded')
  }
  for (const name of FOREIGN_SETTINGS) url.searchParams.delete(name)
  return url.href
}

const ADVICE: Readonly<Record<string, string>> = {
  '28P01': 'the password or the user is wrong',
  ENETUNREACH: "no route to it. Supabase's direct host has an IPv6 address only: take the connection string of the session pooler",
  ENOTFOUND: "there is no such host. Supabase's direct host has an IPv6 address only: take the connection string of the session pooler",
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not known here: download it from the project and name it in NODE_EXTRA_CA_CERTS',
}

/** What went wrong in one line. A refused connection to a name with two addresses is an error of many, with no message. */
export function describeFailure(error: unknown): string {
  const { code, message, errors } = error as { readonly code?: unknown; readonly message?: unknown; readonly errors?: readonly unknown[] }
  const said = typeof message === 'string' && message !== '' ? message : errors?.map((one) => (one as Error).message).join('; ')
  const advice = typeof code === 'string' ? ADVICE[code] : undefined
  return [said ?? String(error), ...(advice === undefined ? [] : [`(${advice})`])].join(' ')
}
