import { randomUUID } from 'node:crypto'
import type { LedgerFixture } from '../support/ledgers.ts'
import { CREDIT_TABLES, type Account, type Queryable } from '../support/seed.ts'
import type { Call, NewRow } from './client.ts'
import type { Snapshot } from './snapshot.ts'
import { GRID_SECONDS, roundUpToGrid } from './row-model.ts'
import { TYPES, type Change } from './steps.ts'

/** One account in a real database, in which the same calls are carried out that a model is told. */
export interface Stage {
  readonly account: Account
  /** Carries a call out; gives its answers without what depends on the clock of this very moment. */
  perform(call: Call): Promise<unknown>
  snapshot(reservations: readonly string[]): Promise<Snapshot>
}


const RUNS_BETWEEN_VACUUMS = 500

/**
 * Makes fresh accounts for a run, in a database that it empties of all earlier ones: so a run costs what it costs alone, and
 * whatever a sweep or the violations show is this run's.
 */
export function createStages({ ledger, database }: LedgerFixture): (count: number) => Promise<Stage[]> {
  let runs = 0
  return async (count) => {
    runs += 1
    if (runs % RUNS_BETWEEN_VACUUMS === 0) await database.query('vacuum')
    const accounts = Array.from({ length: count }, (): Account => ({ user: randomUUID(), subscription: randomUUID() }))
    await database.query(BEGIN, [accounts.map(({ subscription }) => subscription), accounts.map(({ user }) => user)])
    return openStages({ ledger, database }, accounts)
  }
}

function openStages({ ledger, database }: Pick<LedgerFixture, 'ledger' | 'database'>, accounts: readonly Account[]): Stage[] {
  const clock = createClock()
  return accounts.map((account) => ({
    account,
    async perform(call) {
      if (call.operation === 'insert' || call.operation === 'reset' || call.operation === 'prune' || call.operation === 'reserve') clock.awaitNextMillisecond()
      const answers = await perform({ ledger, database }, account, call)
      clock.stamp()
      return answers
    },
    async snapshot(reservations) {
      const [found] = await database.query<{ snapshot: Snapshot }>(SNAPSHOT, [account.subscription, reservations, GRID_SECONDS])
      if (found === undefined) throw new Error('the snapshot is empty')
      return found.snapshot
    },
  }))
}

/** PGlite's clock counts milliseconds: without this, what happens in two steps could bear the same instant. */
function createClock() {
  let last = 0
  return {
    stamp: () => (last = Date.now()),
    awaitNextMillisecond() {
      while (Date.now() <= last) continue
    },
  }
}

async function perform({ ledger, database }: Pick<LedgerFixture, 'ledger' | 'database'>, account: Account, call: Call): Promise<unknown> {
  switch (call.operation) {
    case 'insert':
      return insertRows(database, account, call.rows)
    case 'advance':
      await database.query(ADVANCE, [[account.subscription, ...(call.others ?? [])], call.seconds])
      return undefined
    case 'write':
      return write(database, call.row, call.change)
    case 'reserve':
      return (await ledger.reserve(call.requests)).map(stripAnswer)
    case 'commit':
      return (await ledger.commit(call.requests)).map(stripAnswer)
    case 'refund':
      return (await ledger.refund(call.requests)).map(stripAnswer)
    case 'extend':
      return (await ledger.extend(call.requests)).map(stripAnswer)
    case 'reverse':
      return (await ledger.reverse(call.requests)).map(stripAnswer)
    case 'reset':
      return (await ledger.reset(call.requests)).map(stripAnswer)
    case 'sweep':
      return repeatStep(() => ledger.sweep({ most: call.most }), ['expired', 'cycles'])
    case 'prune':
      return repeatStep(() => ledger.prune({ most: call.most, olderThanDays: call.olderThanDays }), ['pruned'], call.steps === 'one' ? 1 : MOST_STEPS)
  }
}

type Answer = Readonly<Record<string, unknown>>

const MOST_STEPS = 100

/** A bounded step again and again until it says that no more is left, or as often as asked; the counts of all of them. */
async function repeatStep(step: () => Promise<Answer>, counts: readonly string[], most: number = MOST_STEPS): Promise<Answer> {
  const total: Record<string, number> = Object.fromEntries(counts.map((count) => [count, 0]))
  for (let steps = 1; ; steps += 1) {
    const answer = await step()
    counts.forEach((count) => (total[count] = (total[count] ?? 0) + Number(answer[count])))
    if (answer['more'] === false || (steps === most && most < MOST_STEPS)) return total
    if (steps === MOST_STEPS) throw new Error(`${MOST_STEPS} steps, and still more is left`)
  }
}

/** Instants as seconds from now on the grid, and no prose. */
function stripAnswer(answer: Answer): Answer {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'reason').map(([name, value]) => [name, stripValue(name, value)]))
}

function stripValue(name: string, value: unknown): unknown {
  if (value === null) return null
  if (name === 'resetsIn' || name === 'endsIn') return roundUpToGrid(Number(value))
  if (name === 'resetsAt') return roundUpToGrid((Date.parse(value as string) - Date.now()) / 1000)
  if (name !== 'balances') return value
  return Object.fromEntries(Object.entries(value as Record<string, Answer>).map(([type, balance]) => [type, stripAnswer(balance)]))
}

async function insertRows(database: Queryable, { subscription }: Account, rows: readonly NewRow[]): Promise<void> {
  const inserts = TYPES.map(
    (type, index) => `t${index} as (insert into ${CREDIT_TABLES[type]} (id, allotted, used, resetindays, subscriptionid)
      select id, allotted, used, "resetDays", $1 from given where type = '${type}')`,
  )
  await database.query(
    `with given as (select * from jsonb_to_recordset($2::text::jsonb) as r (id uuid, type text, allotted int, used int, "resetDays" int)), ${inserts.join(', ')} select 1`,
    [subscription, JSON.stringify(rows)],
  )
}

async function write(database: Queryable, { id, type }: NewRow, change: Change): Promise<void> {
  const table = CREDIT_TABLES[type]
  if (change === 'delete') await database.query(`delete from ${table} where id = $1`, [id])
  else if ('used' in change) await database.query(`update ${table} set used = $2 where id = $1`, [id, change.used])
  else if ('usedBy' in change) await database.query(`update ${table} set used = greatest(coalesce(used, 0) + $2, 0) where id = $1`, [id, change.usedBy])
  else await database.query(`update ${table} set allotted = $2 where id = $1`, [id, change.allotted])
}

/** Time passes for an account by moving all its instants into the past. A tombstone may belong to no account. */
const ADVANCE = `
with given as (select $1::uuid[] as subscriptions, make_interval(secs => $2::double precision) as passed),
  ${TYPES.map((type, index) => `t${index} as (update ${CREDIT_TABLES[type]} set cyclestart = cyclestart - passed from given where subscriptionid = any(subscriptions))`).join(', ')},
  r as (update creditgate.reservations set lease_until = lease_until - passed, created_at = created_at - passed, ended_at = ended_at - passed
        from given where subscription_id = any(subscriptions) or subscription_id is null),
  j as (update creditgate.adjustments set made_at = made_at - passed from given where subscription_id = any(subscriptions)),
  o as (update creditgate.responses set stored_at = stored_at - passed from given where subscription_id = any(subscriptions)),
  a as (update creditgate.acts set made_at = made_at - passed from given where subscription_id = any(subscriptions))
select 1`

const BEGIN = `
with ${TYPES.map((type, index) => `t${index} as (delete from ${CREDIT_TABLES[type]})`).join(', ')},
  r as (delete from creditgate.reservations), j as (delete from creditgate.adjustments), a as (delete from creditgate.acts), o as (delete from creditgate.responses),
  s as (delete from "UserProfileSubscription")
insert into "UserProfileSubscription" (id, userid, status) select id, userid, 'active' from unnest($1::uuid[], $2::uuid[]) as given (id, userid)`

const SNAPSHOT = `
select jsonb_build_object(
  'rows', coalesce((select jsonb_agg(jsonb_build_object('id', c.id, 'used', c.used, 'cycle', c.cycle, 'resetDays', c.resetindays,
                      'age', floor(extract(epoch from clock_timestamp() - c.cyclestart) / $3) * $3) order by c.id)
                    from creditgate.credit_rows c where c.subscription_id = $1), '[]'),
  'reservations', coalesce((
     select jsonb_agg(jsonb_build_object('id', r.id, 'state', r.state, 'asked', coalesce(r.asked_for, r.amounts), 'amounts', r.amounts, 'reported', r.reported, 'allocations', coalesce((
              select jsonb_agg(jsonb_build_object('row', a.row_id, 'cycle', a.cycle, 'held', a.held, 'kept', a.kept) order by a.place)
              from unnest(r.allocations) with ordinality as a (credit_type, row_id, cycle, held, kept, place)), '[]')) order by r.id)
     from creditgate.reservations r where r.id = any($2::uuid[]) or r.subscription_id = $1), '[]'),
  'responses', coalesce((select jsonb_agg(s.reservation_id order by s.reservation_id::text) from creditgate.responses s where s.subscription_id = $1), '[]'),
  'violations', coalesce((select jsonb_agg(jsonb_build_object('id', v.row_id, 'kind', v.kind, 'difference', v.difference) order by v.row_id, v.kind)
                          from creditgate.violations v where v.subscription_id = $1), '[]')) as snapshot`
