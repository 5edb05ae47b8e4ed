import { createLedger } from './create-ledger.ts'
import { createFault, LedgerFault } from './fault.ts'
import type { Ledger } from './ledger.ts'

/** The part of a supabase-js client (or of a postgrest-js one) that is used. */
export interface SupabaseClientLike {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- a client typed with a Database narrows both parameters
  rpc(name: any, parameters?: any): PromiseLike<{ data: unknown; error: { code?: string; message?: string } | null }>
}

/**
 * A ledger over the Data API: works wherever supabase-js does, with no database connection.
 *
 * @param client made with the project's secret (service_role) key, on the server only.
 * @example
 * supabaseLedger(createClient(process.env.SUPABASE_URL, process.env.SUPABASE_SECRET_KEY))
 */
export function supabaseLedger(client: SupabaseClientLike): Ledger {
  if (typeof (client as SupabaseClientLike | undefined)?.rpc !== 'function') {
    throw new TypeError('creditgate: supabaseLedger() takes a supabase-js client: supabaseLedger(createClient(url, secretKey))')
  }
  return createLedger(async (name, requests, signal) => {
    const query = client.rpc(name, requests === undefined ? undefined : { requests })
    const { data, error } = await ('abortSignal' in query && signal !== undefined
      ? (query as typeof query & { abortSignal(signal: AbortSignal): typeof query }).abortSignal(signal)
      : query)
    if (error !== null) throw createFault(error.code ?? '', error.message ?? '', error)
    // supabase-js reports success for an empty 404, so that no error proves nothing.
    if (data === null || data === undefined) throw new LedgerFault('unknown', 'empty-answer', 'creditgate: the Data API answered with nothing')
    return data
  })
}
