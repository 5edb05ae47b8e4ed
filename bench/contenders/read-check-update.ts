import type { SupabaseClient } from '@supabase/supabase-js'
import type { Account } from '../stage.ts'
import { settled, type Contender } from './contender.ts'

interface CreditRow {
  readonly id: string
  readonly allotted: number
  readonly used: number
}

/** What people write by hand: read the row, check in JavaScript, write the sum back. Two callers who read the same figure both pass. */
export function createReadCheckUpdate(accounts: readonly Account[], client: SupabaseClient): Contender {
  return {
    async reserve(account) {
      const { subscription } = accounts[account] as Account
      const read = await client.from('AICredits').select('id, allotted, used').eq('subscriptionid', subscription).single<CreditRow>()
      if (read.error !== null) throw new Error(read.error.message)
      const { id, allotted, used } = read.data
      if (used >= allotted) return undefined
      const written = await client.from('AICredits').update({ used: used + 1 }).eq('id', id)
      if (written.error !== null) throw new Error(written.error.message)
      return settled
    },
    close: () => Promise.resolve(),
  }
}
