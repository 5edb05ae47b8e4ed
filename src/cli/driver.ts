import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { PostgresJsLike, QueryableLike } from '../ledger/postgres-ledger.ts'
import { DriverError } from './exit.ts'

/** The user's own driver, with one connection: `pg` or `postgres`, whichever their project has. */
export interface Driver {
  readonly client: QueryableLike | PostgresJsLike
  connect(): Promise<void>
  query(text: string, values: string[]): Promise<readonly unknown[]>
  end(): Promise<void>
}

const CONNECT_SECONDS = 10
const QUERY_SECONDS = 60

/**
 * Loads it from the project and not from this package: a driver is not for everybody who installs it.
 *
 * @throws DriverError when the project has neither.
 */
export function loadDriver(folder: string, connectionString: string): Driver {
  const load = createRequire(join(folder, 'package.json'))
  const pg = tryLoad(load, 'pg') as PgLike | undefined
  if (pg !== undefined) return createPgDriver(pg, connectionString)
  const postgres = tryLoad(load, 'postgres') as PostgresLike | { readonly default: PostgresLike } | undefined
  if (postgres !== undefined) return createPostgresJsDriver('default' in postgres ? postgres.default : postgres, connectionString)
  throw new DriverError('a database connection needs a driver, and this project has neither "pg" nor "postgres". Run: npm install --save-dev pg')
}

function tryLoad(load: NodeJS.Require, name: string): unknown {
  try {
    return load(name)
  } catch (error) {
    if ((error as { code?: unknown }).code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

interface PgClientLike extends QueryableLike {
  connect(): Promise<unknown>
  end(): Promise<void>
  on(event: 'error', listener: () => void): unknown
}

interface PgLike {
  readonly Client: new (options: object) => PgClientLike
}

function createPgDriver({ Client }: PgLike, connectionString: string): Driver {
  const client = new Client({ connectionString, application_name: 'creditgate', connectionTimeoutMillis: CONNECT_SECONDS * 1000, query_timeout: QUERY_SECONDS * 1000 })
  client.on('error', () => undefined) // the query that was under way says so itself
  return {
    client,
    async connect() {
      await client.connect()
    },
    query: async (text, values) => (await client.query(text, values)).rows,
    end: () => client.end(),
  }
}

type PostgresJsClientLike = PostgresJsLike & { end(options: { readonly timeout: number }): Promise<void> }
type PostgresLike = (url: string, options: object) => PostgresJsClientLike

function createPostgresJsDriver(postgres: PostgresLike, connectionString: string): Driver {
  const client = postgres(connectionString, { max: 1, connect_timeout: CONNECT_SECONDS, onnotice: () => undefined, connection: { application_name: 'creditgate' } })
  const query = async (text: string, values: string[]) => Array.from(await client.unsafe(text, values))
  return {
    client,
    async connect() {
      await query('select 1', [])
    },
    query,
    end: () => client.end({ timeout: 1 }),
  }
}
