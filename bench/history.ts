import { createCreditgate } from './contenders/creditgate.ts'
import type { Contender } from './contenders/contender.ts'
import type { BuiltLibrary } from './library.ts'
import { runLoad, summarize, type Measurement, type Shape } from './load.ts'
import type { Plan } from './plan.ts'
import type { Say } from './progress.ts'
import { countRounds } from './rounds.ts'
import type { Account, BenchDatabase, Stage } from './stage.ts'

export interface HistoryFigure extends Measurement {
  readonly shape: Shape
  /** How many reservations had ended before. */
  readonly endedReservations: number
}

const CALLERS = 256
const SHAPES: readonly Shape[] = ['hot', 'spread']
const CHUNK = 100_000
const DAYS = 80
/** The share of the history that is the hot subscription's own: one in five. */
const HOT_SHARE = 5

/** Creditgate over pg on two databases, one of which has a history; they take turns. */
export async function measureHistory(library: BuiltLibrary, { stage, plan, say }: { readonly stage: Stage; readonly plan: Plan; readonly say: Say }): Promise<readonly HistoryFigure[]> {
  const sides: { readonly endedReservations: number; readonly creditgate: Contender; readonly rounds: Record<Shape, Measurement[]> }[] = []
  for (const endedReservations of [0, plan.historyRows]) {
    const database = await stage.createDatabase(`history_${endedReservations}`)
    const accounts = (await database.createAccounts()).slice(0, -1)
    await fillHistory(database, { accounts, rows: endedReservations, say })
    await database.query('vacuum (analyze)')
    await database.query('checkpoint')
    const creditgate = createCreditgate(library, { ledger: library.postgresLedger(database.openPool()), accounts })
    sides.push({ endedReservations, creditgate, rounds: { hot: [], spread: [] } })
  }
  // Round 0 is not counted: connections, plans, compiled code.
  for (const round of countRounds({ rounds: plan.rounds, seconds: plan.mostSeconds.history, uncounted: 1 })) {
    for (const shape of SHAPES) {
      const figures: string[] = []
      for (const { endedReservations, creditgate, rounds } of round % 2 === 0 ? sides : sides.toReversed()) {
        const measurement = await runLoad(creditgate, { shape, callers: CALLERS, milliseconds: plan.historySliceMilliseconds })
        if (round > 0) rounds[shape].push(measurement)
        figures.push(`${endedReservations} ended ${Math.round(measurement.perSecond)}`)
      }
      say(`${round === 0 ? 'first calls' : `round ${round} of ${plan.rounds}`}, ${shape}: ${figures.join(', ')} pairs/s`)
    }
  }
  for (const { creditgate } of sides) await creditgate.close()
  return SHAPES.flatMap((shape) => sides.map(({ endedReservations, rounds }) => ({ shape, endedReservations, ...summarize(rounds[shape]) })))
}

interface Filling {
  readonly accounts: readonly Account[]
  readonly rows: number
  readonly say: Say
}

/** Committed calls of one credit each, oldest first, as the last months would have left them; the books agree with it. */
async function fillHistory(database: BenchDatabase, { accounts, rows, say }: Filling): Promise<void> {
  const [users, subscriptions, creditRows] = (['user', 'subscription', 'row'] as const).map((key) => accounts.map((account) => account[key]))
  for (let first = 0; first < rows; first += CHUNK) {
    await database.query(
      `insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at, ended_at)
       select bench.reservation_id(n.at), ($3::uuid[])[n.account], ($4::uuid[])[n.account], 'committed', '{"ai": 1}',
              array[row('ai', ($5::uuid[])[n.account], 0, 1, 1)::creditgate.allocation], n.at + interval '60 seconds', n.at, n.at + interval '50 milliseconds'
       from (select now() - interval '${DAYS} days' + n * (interval '${DAYS} days' / $6::integer) as at,
                    case when n % ${HOT_SHARE} = 0 then 1 else 1 + n % cardinality($3::uuid[]) end as account
             from generate_series($1::integer, $2::integer) as n) as n`,
      [first, Math.min(first + CHUNK, rows) - 1, subscriptions, users, creditRows, rows],
    )
    const filled = Math.min(first + CHUNK, rows)
    if (filled % (CHUNK * 5) === 0 || filled === rows) say(`${filled} of ${rows} ended reservations are there`)
  }
  await database.query(`insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
                        select subscriptionid, 'ai', id, 0, 'opening', 0, now() from "AICredits"`)
  await database.query(`update "AICredits" c set used = h.kept from (select subscription_id, count(*) as kept from creditgate.reservations group by 1) h where h.subscription_id = c.subscriptionid`)
}
