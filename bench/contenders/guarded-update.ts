import type pg from 'pg'
import type { Account } from '../stage.ts'
import { settled, type Contender } from './contender.ts'

/** The least that takes a credit safely: no record, no lease, no refund to the right row. */
export function createGuardedUpdate(accounts: readonly Account[], pool: pg.Pool): Contender {
  return {
    async reserve(account) {
      const { row } = accounts[account] as Account
      const { rowCount } = await pool.query('update "AICredits" set used = used + 1 where id = $1 and used < allotted', [row])
      return rowCount === 1 ? settled : undefined
    },
    close: () => Promise.resolve(),
  }
}
