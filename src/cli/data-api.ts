import { createLedger } from '../ledger/create-ledger.ts'
import { createFault, LedgerFault } from '../ledger/fault.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { ConnectionError } from './exit.ts'

const TIMEOUT_MILLISECONDS = 15_000

export interface DataApi {
  readonly url: string
  readonly key: string
}

/** A ledger over the Data API. */
export function createDataApiLedger(dataApi: DataApi): Ledger {
  return createLedger((name, requests) => callDataApi(dataApi, name, requests === undefined ? {} : { requests }))
}

/** Calls a function by plain HTTP, so that the command line needs no supabase-js in the project. */
export async function callDataApi({ url, key }: DataApi, name: string, args: object): Promise<unknown> {
  // A new secret key is no token: the platform wants it in `apikey` alone.
  const headers = { apikey: key, 'content-type': 'application/json', ...(key.startsWith('sb_') ? {} : { authorization: `Bearer ${key}` }) }
  const response = await fetch(`${url}/rest/v1/rpc/${name}`, { method: 'POST', headers, body: JSON.stringify(args), signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS) }).catch((error: unknown) => {
    const { message, cause } = error as Error
    throw new ConnectionError(`cannot reach the Data API at ${url}: ${(cause as { code?: string } | undefined)?.code ?? message}`, { cause: error })
  })
  const answer = (await response.json().catch(() => undefined)) as unknown
  if (response.ok) return answer
  const { code, message } = Object(answer) as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code !== 'string') throw new LedgerFault('unknown', String(response.status), `creditgate: the Data API answered ${response.status}`)
  throw createFault(code, typeof message === 'string' ? message : '')
}
