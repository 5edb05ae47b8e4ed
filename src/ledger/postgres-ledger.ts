import { createLedger } from './create-ledger.ts'
import { createFault, LedgerFault } from './fault.ts'
import type { Ledger } from './ledger.ts'

/** The part of a `pg` pool or client, or of a PGlite database, that is used. */
export interface QueryableLike {
  query(text: string, values: string[]): PromiseLike<{ rows: unknown[] }>
}

/** What tells pg from PGlite: a statement may be an object, with a time of its own. */
interface PgLike {
  query(statement: { readonly text: string; readonly values: string[]; readonly query_timeout: number }): PromiseLike<{ rows: unknown[] }>
}

/**
 * Longer than the functions' own statement timeout of 5 seconds: reached only on a connection whose other end is gone
 * without a word. pg then closes it, so that the pool gets well by itself; its own default is to wait for ever.
 */
const QUERY_TIMEOUT_MILLISECONDS = 10_000

/** The part of a postgres.js client that is used. */
export interface PostgresJsLike {
  unsafe(text: string, values: string[]): PromiseLike<ArrayLike<unknown>>
}

/**
 * A ledger over a database connection: faster than the Data API, for servers that hold connections.
 *
 * Each operation is one unnamed statement, so any pooling mode will do, transaction pooling included.
 *
 * @param queryable a `pg` pool or client, a postgres.js client, or a PGlite database, logged in as a role that may
 * execute the `creditgate_*` functions: `postgres`, or one that was granted `service_role`.
 * @example
 * postgresLedger(new pg.Pool({ connectionString: process.env.DATABASE_URL }))
 */
export function postgresLedger(queryable: QueryableLike | PostgresJsLike): Ledger {
  // What a missing or misspelt variable hands over is no object at all.
  const query = createQuery(Object(queryable) as QueryableLike | PostgresJsLike)
  return createLedger(async (name, requests, signal) => {
    const values = requests === undefined ? [] : [JSON.stringify(requests)]
    try {
      const [row] = await abandonOn(signal, query(`select public.${name}(${values.length === 0 ? '' : '$1::text::jsonb'}) as answer`, values))
      return row?.answer
    } catch (error) {
      if (error instanceof LedgerFault) throw error
      const { code, message } = error as { code?: unknown; message?: unknown }
      throw createFault(typeof code === 'string' ? code : '', typeof message === 'string' ? message : String(error), error)
    }
  })
}

type Query = (text: string, values: string[]) => Promise<readonly { answer?: unknown }[]>

function createQuery(queryable: QueryableLike | PostgresJsLike): Query {
  // A postgres.js client is itself a function; some pools offer both methods, and `query` is then the real one.
  if ('query' in queryable && typeof queryable.query === 'function') {
    if ('connect' in queryable) {
      const client = queryable as unknown as PgLike
      return async (text, values) => (await client.query({ text, values, query_timeout: QUERY_TIMEOUT_MILLISECONDS })).rows as { answer?: unknown }[]
    }
    return async (text, values) => (await queryable.query(text, values)).rows as { answer?: unknown }[]
  }
  if ('unsafe' in queryable && typeof queryable.unsafe === 'function') {
    return async (text, values) => Array.from(await queryable.unsafe(text, values)) as { answer?: unknown }[]
  }
  throw new TypeError('creditgate: postgresLedger() takes a pg pool or client, a postgres.js client or a PGlite database')
}

/** Stops waiting when the signal fires. The statement goes on: giving up is made safe by its id, not by cancelling it. */
function abandonOn<Result>(signal: AbortSignal | undefined, work: Promise<Result>): Promise<Result> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const abandon = () => reject(new LedgerFault('unknown', 'timeout', 'creditgate: the database did not answer in time'))
    if (signal.aborted) abandon()
    else signal.addEventListener('abort', abandon, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abandon))
  })
}
