import { PGlite } from '@electric-sql/pglite'
import { createClient } from '@supabase/supabase-js'
import { createGuard, LedgerFault, postgresLedger, supabaseJwt, supabaseLedger, type Guard, type GuardEvent, type Identity, type Ledger } from 'creditgate'
import pg from 'pg'
import postgres from 'postgres'

/** A project's generated types, which know nothing of the library's functions. */
export interface Database {
  public: {
    Tables: { leads: { Row: { id: string }; Insert: { id?: string }; Update: { id?: string }; Relationships: [] } }
    Views: Record<string, never>
    Functions: { search: { Args: { term: string }; Returns: string[] } }
    Enums: Record<string, never>
    CompositeTypes: Record<string, never>
  }
}

const url = 'https://abcdefghijklmnopqrst.supabase.co'
const identity: Identity = supabaseJwt({ url, issuer: [`${url}/auth/v1`], clockToleranceSeconds: 10 })

export const ledgers: readonly Ledger[] = [
  supabaseLedger(createClient<Database>(url, 'sb_secret_test')),
  supabaseLedger(createClient(url, 'sb_secret_test')),
  postgresLedger(new pg.Pool()),
  postgresLedger(new pg.Client()),
  postgresLedger(postgres(url)),
  postgresLedger(new PGlite()),
]
const [ledger] = ledgers as [Ledger]

export const guard = createGuard({
  identity,
  ledger,
  leaseSeconds: 30,
  onEvent: (event: GuardEvent) => {
    if (event.type === 'settled') console.log(event.reservation, event.amounts['ai'])
    if (event.type === 'fault' && event.error instanceof LedgerFault) console.log(event.error.kind)
  },
  settleBy: ({ ended }, { reserved }) => (ended === 'finished' ? { outcome: 'commit', amounts: reserved } : { outcome: 'refund' }),
})
export const standard: Guard<'ai' | 'lead' | 'skipTrace'> = guard
export const custom: Guard<'ai' | 'video'> = createGuard({ identity, ledger, creditTypes: ['ai', 'video'] })

export async function settleLater(id: string): Promise<number | undefined> {
  const answer = await guard.commit(id, { ai: 2 })
  if (answer.outcome === 'committed') return answer.amounts['ai']
  return (await guard.refund(id)).outcome === 'refunded' ? 0 : undefined
}

export function refuse(): void {
  // @ts-expect-error -- no such credit type
  guard.requireCredits('video', 1)
  // @ts-expect-error -- the types that were given replace the default ones
  custom.requireCredits('lead', 1)
  // @ts-expect-error -- no number
  guard.requireCredits('ai', '1')
  // @ts-expect-error -- no such option
  guard.requireCredits('ai', 1, { meter: true })
  // @ts-expect-error -- no ledger
  createGuard({ identity })
  // @ts-expect-error -- no such option
  createGuard({ identity, ledger, lease: 30 })
  // @ts-expect-error -- no client
  supabaseLedger({})
  // @ts-expect-error -- no pool
  postgresLedger({})
  // @ts-expect-error -- no address of the project
  supabaseJwt({})
}
