import type { SupabaseClient } from '@supabase/supabase-js'
import type pg from 'pg'
import { createReservationId } from '../../src/reservation-id.ts'
import type { Account } from '../stage.ts'
import type { Contender } from './contender.ts'

type FunctionName = 'creditgate_reserve' | 'creditgate_commit'
type Call = (name: FunctionName, request: object) => Promise<string | undefined>

/** Our functions as anyone can call them, each call by itself: one round trip to reserve and one to commit. */
export function createOneCallEach(accounts: readonly Account[], call: Call): Contender {
  return {
    async reserve(account) {
      const { user } = accounts[account] as Account
      const id = createReservationId()
      if ((await call('creditgate_reserve', { id, user, amounts: { ai: 1 }, lease: 60 })) !== 'reserved') return undefined
      return async () => {
        const outcome = await call('creditgate_commit', { id, user, amounts: { ai: 1 } })
        if (outcome !== 'committed') throw new Error(`a commit was answered with ${outcome ?? 'nothing'}`)
      }
    },
    close: () => Promise.resolve(),
  }
}

export function callOverSupabase(client: SupabaseClient): Call {
  return async (name, request) => {
    const answer: { readonly data: unknown; readonly error: { readonly message: string } | null } = await client.rpc(name, { requests: [request] })
    if (answer.error !== null) throw new Error(`${name}: ${answer.error.message}`)
    return readOutcome(answer.data)
  }
}

export function callOverPg(pool: pg.Pool): Call {
  return async (name, request) => {
    const { rows } = await pool.query<{ answer: unknown }>(`select public.${name}($1::text::jsonb) as answer`, [JSON.stringify([request])])
    return readOutcome(rows[0]?.answer)
  }
}

function readOutcome(answers: unknown): string | undefined {
  return (answers as readonly { readonly outcome: string }[] | undefined)?.[0]?.outcome
}
