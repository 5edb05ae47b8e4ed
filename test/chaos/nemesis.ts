import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import type { DataApi } from '../support/data-api.ts'
import { CREDIT_TABLES, type CreditType } from '../support/seed.ts'
import type { Crew } from './crew.ts'
import type { Random } from './random.ts'
import { insertCredits, type Stage } from './stage.ts'
import { chooseRow, createStrangers, type Strangers } from './strangers.ts'
import { readReservations, readViolations, type FinalReservation, type Violation } from './verdict.ts'

/** What goes wrong, and what went wrong. */
export interface Nemesis {
  readonly counts: Readonly<Record<'restarts' | 'backendsKilled' | 'backendsTerminated' | 'dataApiRestarts' | 'rowsLocked' | 'insertsOfCredits' | 'cyclesAged' | 'disturbances' | 'pruned', number>>
  /** How many reservations there were when it was last looked. */
  readonly reservations: number
  /** Rows that did not add up in between, at an instant that was looked at. */
  readonly violations: readonly Violation[]
  /** Ended reservations as they were before they were made old enough to be pruned. */
  readonly remembered: ReadonlyMap<string, FinalReservation>
  /** What others wrote and is not there any more. */
  readonly findMiscounts: Strangers['findMiscounts']
  /** Resolves once everything runs again. Rejects with whatever failed that was not meant to. */
  readonly over: Promise<void>
}

const TYPES = Object.keys(CREDIT_TABLES) as CreditType[]
/** A reservation that ended so long ago has no call on the way any more. */
const AT_REST_SECONDS = 30
const DATA_API_ATTEMPTS = 10
const DATA_API_SECONDS = 4

export interface NemesisOptions {
  readonly random: Random
  readonly seconds: number
  /** Whether enough has happened by now; else it goes on, for twice the seconds at most. */
  readonly isEnough: (nemesis: Pick<Nemesis, 'counts' | 'reservations'>) => boolean
}

/** Breaks things for so many seconds, several at once, by choices that the seed repeats. */
export function raiseNemesis(stage: Stage, crew: Crew, { seconds, random, isEnough }: NemesisOptions): Nemesis {
  const { postgres, dataApi, pool, plan } = stage
  const started = Date.now()
  const counts = { restarts: 0, backendsKilled: 0, backendsTerminated: 0, dataApiRestarts: 0, rowsLocked: 0, insertsOfCredits: 0, cyclesAged: 0, disturbances: 0, pruned: 0 }
  const violations: Violation[] = []
  const remembered = new Map<string, FinalReservation>()
  const strangers = createStrangers(pool, plan)
  let reservations = 0
  let failed = false

  const isOver = (at: number) => {
    if (failed) return true
    const elapsed = (at - started) / 1000
    return elapsed >= 2 * seconds || (elapsed >= seconds && isEnough({ counts, reservations }))
  }

  async function repeat(name: string, [least, most]: readonly [number, number], act: (chance: Random) => unknown): Promise<void> {
    const chance = random.fork(name)
    for (;;) {
      const pause = chance.integer(least, most)
      if (isOver(Date.now() + pause)) return
      await sleep(pause)
      try {
        await act(chance)
      } catch (error) {
        if (isOutage(error)) continue
        failed = true
        throw error
      }
    }
  }

  /** Within a transaction, so that someone of ours waits for it. */
  async function lockRow(chance: Random): Promise<void> {
    const client = await pool.connect()
    client.on('error', () => undefined) // the database is killed while it waits
    try {
      await client.query('begin')
      const table = CREDIT_TABLES[chance.pick(TYPES)]
      await client.query(`select from ${table} where ${chooseRow(table)} for update`, [chance.pick(plan.accounts).subscription])
      counts.rowsLocked += 1
      await sleep(chance.integer(2_000, 4_000))
    } finally {
      client.release(true)
    }
  }

  const mishaps: Record<string, (chance: Random) => Promise<unknown>> = {
    async terminate(chance) {
      const { rowCount } = await pool.query("select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and datname = current_database() and pid <> pg_backend_pid() and random() < $1", [chance.next() / 2])
      counts.backendsTerminated += rowCount ?? 0
    },
    async insert(chance) {
      const { subscription } = chance.pick(plan.accounts)
      await insertCredits(pool, chance.pick(TYPES), { subscription, allotted: chance.integer(1, 80), resetInDays: chance.pick([null, 1, 30]) })
      counts.insertsOfCredits += 1
    },
    async age(chance) {
      const table = CREDIT_TABLES[chance.pick(TYPES)]
      for (const { subscription } of plan.accounts.filter(({ kind }) => kind !== 'shared' && chance.chance(0.3))) {
        await pool.query(`update ${table} set cyclestart = cyclestart - make_interval(days => $2) where ${chooseRow(table, 'resetindays is not null')}`, [subscription, chance.integer(1, 70)])
      }
      counts.cyclesAged += 1
    },
    async prune() {
      const ended = await readReservations(pool, "r.state <> 'open' and r.ended_at < clock_timestamp() - make_interval(secs => $1) order by random() limit 40", [AT_REST_SECONDS])
      ended.forEach((reservation) => remembered.set(reservation.id, reservation))
      await pool.query("update creditgate.reservations set ended_at = ended_at - interval '2 days' where id = any($1)", [ended.map(({ id }) => id)])
      const { rows } = await pool.query<{ pruned: number }>(`select (public.creditgate_prune('[{"olderThanDays": 1, "most": 100}]') -> 0 ->> 'pruned')::integer as pruned`)
      counts.pruned += rows[0]?.pruned ?? 0
    },
  }

  async function look(): Promise<void> {
    const asked = performance.now()
    violations.push(...(await readViolations(pool, plan.accounts)))
    const { rows } = await pool.query<{ count: number }>('select count(*)::integer as count from creditgate.reservations where user_id is not null')
    reservations = (rows[0]?.count ?? 0) + counts.pruned
    // The more there is to read, the less often: this is not what is to be measured.
    await sleep(10 * (performance.now() - asked))
  }

  const crash = exclusively()
  const over = untilAllEnded([
    repeat('kill', [850, 1_500], (chance) => crew.killOne(chance)),
    repeat('pause', [1_500, 3_500], (chance) => crew.pauseOne(chance, plan.leaseSeconds * 1000 + chance.integer(300, 3_000))),
    repeat('crash', [6_000, 9_000], (chance) =>
      crash(async () => {
        await postgres.crash(chance.pick(['quit', 'kill']))
        await sleep(chance.integer(0, 400))
        await postgres.restart()
        counts.restarts += 1
      }),
    ),
    repeat('backend', [8_000, 14_000], (chance) =>
      crash(() => {
        const backends = postgres.listBackends()
        if (backends.length === 0) return
        process.kill(chance.pick(backends), 'SIGKILL')
        counts.backendsKilled += 1
      }),
    ),
    repeat('data-api', [9_000, 15_000], async (chance) => {
      await dataApi.kill()
      await sleep(chance.integer(0, 600))
      await restartDataApi(dataApi)
      counts.dataApiRestarts += 1
    }),
    repeat('lock', [2_000, 5_000], lockRow),
    repeat('mishap', [300, 1_000], (chance) => mishaps[chance.weigh({ terminate: 1, insert: 3, age: 3, prune: 1 })]?.(chance)),
    repeat('disturb', [100, 400], async (chance) => {
      await strangers.disturb(chance)
      counts.disturbances += 1
    }),
    repeat('add', [50, 250], strangers.add),
    repeat('look', [1_000, 2_000], look),
  ])
  return {
    counts,
    violations,
    remembered,
    over,
    findMiscounts: strangers.findMiscounts,
    get reservations() {
      return reservations
    },
  }
}

/** PostgREST that does not reach its database pauses twice as long each time: what is ready again is not left to wait for that. */
export async function restartDataApi(dataApi: DataApi): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await dataApi.restart(DATA_API_SECONDS)
      return
    } catch (error) {
      if (attempt === DATA_API_ATTEMPTS) throw error
      await dataApi.kill()
    }
  }
}

/** Nothing of it goes on when one of them has failed: the database must not be started again after its end. */
async function untilAllEnded(all: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(all)
  await Promise.all(all)
}

/** Runs one at a time: nobody kills a backend of a server that is being started. */
function exclusively(): (act: () => unknown) => Promise<void> {
  let last: Promise<unknown> = Promise.resolve()
  return async (act) => {
    const turn = last.then(act)
    last = turn.catch(() => undefined)
    await turn
  }
}

/** ESRCH: the backend that was to be killed has ended by itself. 40P01: a deadlock, which the report counts from the log. */
const OUTAGES: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ESRCH', '40P01', '57P01', '57P02', '57P03', '53300', '55P03', '57014', '08006'])

/** Whether a statement of ours failed because of what is being done to the database. */
function isOutage(error: unknown): boolean {
  const { code, message } = error as pg.DatabaseError
  return OUTAGES.has(code) || /connection terminated|not queryable|timeout exceeded when trying to connect|timeout expired/i.test(message)
}
