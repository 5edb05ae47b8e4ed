import type { BuiltLibrary } from '../library.ts'
import type { Stage } from '../stage.ts'
import type { Contender, ContenderName } from './contender.ts'
import { createCreditgate } from './creditgate.ts'
import { createGuardedUpdate } from './guarded-update.ts'
import { callOverPg, callOverSupabase, createOneCallEach } from './one-call-each.ts'
import { loadPeer } from './peer.ts'
import { createReadCheckUpdate } from './read-check-update.ts'

export type Contenders = Readonly<Record<ContenderName, Contender>>

/** Each with accounts of its own in the same tables and, over pg, with a pool of its own. */
export async function openContenders({ database, client }: Stage, library: BuiltLibrary): Promise<Contenders> {
  const createAccounts = () => database.createAccounts()
  const [createRateLimiter, createBetterAuth] = await Promise.all([loadPeer('rate-limiter-flexible'), loadPeer('better-auth')])
  return {
    creditgateSupabase: createCreditgate(library, { ledger: library.supabaseLedger(client), accounts: await createAccounts() }),
    rpcSupabase: createOneCallEach(await createAccounts(), callOverSupabase(client)),
    readCheckUpdate: createReadCheckUpdate(await createAccounts(), client),
    creditgatePg: createCreditgate(library, { ledger: library.postgresLedger(database.openPool()), accounts: await createAccounts() }),
    rpcPg: createOneCallEach(await createAccounts(), callOverPg(database.openPool())),
    rateLimiter: await createRateLimiter({ pool: database.openPool() }),
    betterAuth: await createBetterAuth({ pool: database.openPool() }),
    guardedUpdate: createGuardedUpdate(await createAccounts(), database.openPool()),
  }
}
