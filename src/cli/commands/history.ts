import { DATABASE_FLAG, JSON_FLAG, type Command } from '../command.ts'
import { openDatabase } from '../database.ts'
import { EXIT } from '../exit.ts'
import { findSubscription } from '../subject.ts'
import { renderTable, renderTime } from '../table.ts'

interface Entry {
  readonly at: string
  readonly what: string
  readonly amounts: Readonly<Record<string, number>>
  readonly id: string
  readonly user: string | null
}

/** What was committed is what the allocations keep; what is open or was given back, what was asked for. */
const HISTORY = `
  select * from (
    (select r.created_at as at, r.state as what,
            case when r.state = 'committed' then (select coalesce(jsonb_object_agg(k.credit_type, k.kept), r.amounts) from (
                   select a.credit_type, sum(a.kept) as kept from unnest(r.allocations) a group by 1) k) else r.amounts end as amounts,
            r.id::text as id, r.user_id as user
     from creditgate.reservations r where r.subscription_id = $1::uuid order by r.created_at desc limit $2::int)
    union all
    (select min(a.made_at), a.kind, jsonb_build_object(a.credit_type, sum(a.amount)), coalesce(a.reservation_id, a.row_id)::text, null
     from creditgate.adjustments a where a.subscription_id = $1::uuid
     group by a.kind, a.credit_type, a.made_at, coalesce(a.reservation_id, a.row_id) order by 1 desc limit $2::int)
  ) entries order by at desc, what = 'opening' limit $2::int`

export const history: Command = {
  name: 'history',
  takes: ['<user|subscription>'],
  summary: 'what became of its credits, newest first',
  about: `Reservations by their state (open, committed, refunded, expired), and what changed a row besides: opening (what was used when
creditgate first met the row), reset, reversal, pruned. Amounts of these are what was added to "used".
`,
  needs: 'database',
  flags: { limit: { value: '<n>', help: 'how many entries, 1 to 1000; default: 20' }, ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate history 6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11 --limit 50'],
  async run({ arguments: [given = ''], flags, terminal, environment, cwd }) {
    const limit = flags.whole('limit', { min: 1, max: 1000 }) ?? 20
    const database = await openDatabase(environment, cwd)
    try {
      const subscription = await findSubscription(database, given)
      const entries = await database.select<Entry>(HISTORY, [subscription, String(limit)])
      if (flags.given('json')) terminal.printJson({ subscription, entries })
      else {
        terminal.say(`Subscription ${subscription}\n`)
        if (entries.length === 0) terminal.say('Nothing has happened to it.\n')
        else terminal.print(renderTable(['at', 'what', 'amounts', 'reservation or row'], entries.map(({ at, what, amounts, id }) => [renderTime(at), what, renderAmounts(amounts), id])))
      }
      return EXIT.done
    } finally {
      await database.close()
    }
  },
}

export function renderAmounts(amounts: Readonly<Record<string, number>>): string {
  return Object.entries(amounts).map(([type, amount]) => `${type}=${amount}`).join(' ')
}
