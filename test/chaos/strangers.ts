import type pg from 'pg'
import { CREDIT_TABLES, type CreditType } from '../support/seed.ts'
import type { AccountKind, Plan } from './plan.ts'
import type { Random } from './random.ts'

/** Whoever else writes the credit rows, knowing nothing of the library. */
export interface Strangers {
  /** An old cron job: sets `used` to 0, or adds to it. */
  readonly disturb: (random: Random) => Promise<void>
  /** Adds to `used` a few times, one at a time, as long as there is room. */
  readonly add: (random: Random) => Promise<void>
  /** What of that is not in the rows, or in them and nobody's, as a sentence each. */
  readonly findMiscounts: () => Promise<readonly string[]>
}

const TYPES = Object.keys(CREDIT_TABLES) as CreditType[]
const ADDITIONS = 12

export function createStrangers(pool: pg.Pool, plan: Plan): Strangers {
  const subscriptionsOf = (kind: AccountKind) => plan.accounts.filter((account) => account.kind === kind).map(({ subscription }) => subscription)
  /** By row. `unknown`: the answer was lost. */
  const added = new Map<string, { sure: number; unknown: number }>()

  return {
    async disturb(random) {
      const table = CREDIT_TABLES[random.pick(TYPES)]
      const change = random.chance(0.2) ? 'set used = 0 where' : 'set used = used + 1 where used < allotted and'
      await pool.query(`update ${table} ${change} ${chooseRow(table)}`, [random.pick(subscriptionsOf('disturbed'))])
    },
    async add(random) {
      const table = CREDIT_TABLES[random.pick(TYPES)]
      const { rows } = await pool.query<{ id: string }>(`select id from ${table} where subscriptionid = $1 and allotted > 1000`, [random.pick(subscriptionsOf('counted'))])
      const id = rows[0]?.id ?? ''
      const count = added.get(id) ?? { sure: 0, unknown: 0 }
      added.set(id, count)
      for (let addition = 0; addition < ADDITIONS; addition += 1) {
        count.unknown += 1
        const { rowCount } = await pool.query(`update ${table} set used = used + 1 where id = $1 and used < allotted`, [id])
        count.unknown -= 1
        count.sure += rowCount ?? 0
      }
    },
    async findMiscounts() {
      // The row began with 0, so that its opening figure, too, is what was added.
      const { rows } = await pool.query<{ id: string; others: number }>(
        `select c.id, (c.used
           - coalesce((select sum(a.kept) from creditgate.allocations a where a.row_id = c.id and a.cycle = c.cycle), 0)
           - coalesce((select sum(a.amount) from creditgate.adjustments a where a.row_id = c.id and a.cycle = c.cycle and a.kind <> 'opening'), 0))::integer as others
         from creditgate.credit_rows c where c.id = any($1)`,
        [[...added.keys()]],
      )
      return rows.flatMap(({ id, others }) => {
        const { sure, unknown } = added.get(id) ?? { sure: 0, unknown: 0 }
        return others >= sure && others <= sure + unknown ? [] : [`row ${id}: someone else added ${String(sure)} to ${String(sure + unknown)}, and it has ${String(others)} that are not ours`]
      })
    },
  }
}

/**
 * One row of a subscription, by chance. Never several in one transaction: whoever holds some rows and waits for others can
 * deadlock with anyone who does, and the library gives back to several rows in the order they were drawn in.
 */
export function chooseRow(table: string, condition = 'true'): string {
  return `id = (select c.id from ${table} c where c.subscriptionid = $1 and ${condition} order by random() limit 1)`
}
