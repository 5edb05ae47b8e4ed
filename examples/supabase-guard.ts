import { createClient } from '@supabase/supabase-js'
import { createGuard, supabaseJwt, supabaseLedger, type Guard } from 'creditgate'

/**
 * The guard of an application on your own Supabase project, from SUPABASE_URL and SUPABASE_SECRET_KEY. Resolves once the
 * database has been found ready; rejects with what is missing and the command that mends it.
 */
export async function createSupabaseGuard(): Promise<Guard> {
  const url = readVariable('SUPABASE_URL')
  const client = createClient(url, readVariable('SUPABASE_SECRET_KEY'), {
    auth: { persistSession: false, autoRefreshToken: false },
    // On Node 20, which has no WebSocket, createClient() throws without this. The guard never opens one.
    realtime: { transport: refuseWebSocket as never },
  })
  const guard = createGuard({ identity: supabaseJwt({ url }), ledger: supabaseLedger(client) })
  await guard.ready()
  return guard
}

function refuseWebSocket(): never {
  throw new Error('this server does not use Supabase Realtime')
}

function readVariable(name: string): string {
  const value = process.env[name]
  if (value === undefined || value === '') throw new Error(`Set ${name}: your project's settings page shows it.`)
  return value
}
