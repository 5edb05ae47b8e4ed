import type { Books } from 'creditgate/testing'
import { addCredits, ageCycle, createAccount, CREDIT_TABLES, endLease, type CreditType, type Queryable } from './seed.ts'

/** The books of a real database. */
export function createBooks(database: Queryable): Books {
  return {
    createAccount: ({ active = true } = {}) => createAccount(database, active ? 'active' : 'canceled'),
    addCredits: (account, { type = 'ai', ...credits } = {}) => addCredits(database, account, { ...credits, type: type as CreditType }),
    async readRow(row) {
      const [found] = await database.query<{ used: number; cycle: number; seconds: number }>(
        'select used, cycle, extract(epoch from clock_timestamp() - cyclestart)::float as seconds from creditgate.credit_rows where id = $1',
        [row],
      )
      if (found === undefined) throw new Error(`there is no row ${row}`)
      return { used: found.used, cycle: found.cycle, cycleSeconds: found.seconds }
    },
    async writeUsed(row, used) {
      for (const table of Object.values(CREDIT_TABLES)) await database.query(`update ${table} set used = $2 where id = $1`, [row, used])
    },
    endLease: (reservation) => endLease(database, reservation),
    ageCycle: (row, days) => ageCycle(database, row, days),
    async listStates({ subscription }) {
      const found = await database.query<{ state: string }>('select state from creditgate.reservations where subscription_id = $1 order by state', [subscription])
      return found.map(({ state }) => state)
    },
    listViolations: () => database.query('select * from creditgate.violations'),
  }
}
