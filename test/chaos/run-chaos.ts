import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { postgresLedger, supabaseLedger, type Ledger } from 'creditgate'
import type pg from 'pg'
import { startCrew } from './crew.ts'
import { readJournals, type Fields } from './journal.ts'
import { raiseNemesis, restartDataApi } from './nemesis.ts'
import type { Way } from './plan.ts'
import { createRandom } from './random.ts'
import { setStage, type Stage } from './stage.ts'
import { findBrokenAcknowledgements, findKeysChargedTwice, findResetsTooMany, nameAct, readReservations, readViolations } from './verdict.ts'

export interface ChaosOptions {
  /**
   * How long things are broken, in seconds, 5 to 7200; up to twice as long until enough has happened. Starting and ending
   * take some more.
   */
  readonly seconds: number
  /** Repeats the choices; when they take effect depends on the machine. */
  readonly seed: string
  /** Told every few seconds how far it is, and at the end of each thing that is wrong. */
  readonly onProgress?: (line: string) => void
}

export type ChaosReport = Readonly<
  Record<
    | 'reservations'
    | 'kills'
    | 'lostReplies'
    | 'restarts'
    /** Rows that do not add up, acknowledgements that do not stand, keys charged twice. */
    | 'violations'
    | 'deadlocks'
    | 'openAtEnd'
    | 'unansweredAtEnd'
    /** Workers that ended without being killed, and ways by which a reserve and a commit did not work in the end. */
    | 'failures'
    | 'seconds',
    number
  >
> & { readonly seed: string; readonly details: Readonly<Record<string, number>> }

const WAYS: readonly Way[] = ['direct', 'data-api', 'direct', 'data-api', 'direct', 'data-api']
/** What a minute of faults must have seen, or else it goes on for a while: on a machine with better things to do. */
const ENOUGH_PER_MINUTE = { reservations: 5_400, kills: 42, lostReplies: 520, restarts: 6 }
const PROGRESS_MILLISECONDS = 5_000
const ANSWERS_WITHIN_MILLISECONDS = 20_000
const MOST_FINDINGS_TOLD = 20

/** Spends credits from several processes while everything is broken again and again, then looks whether every promise was kept. */
export async function runChaos({ seconds, seed, onProgress = () => undefined }: ChaosOptions): Promise<ChaosReport> {
  const random = createRandom(seed)
  const stage = await setStage({ seed, random: random.fork('stage') })
  try {
    return await runOn(stage, { seconds, seed, onProgress })
  } finally {
    await stage.close()
  }
}

/** Whether a report shows that nothing was lost. */
export function isClean({ violations, deadlocks, openAtEnd, unansweredAtEnd, failures }: ChaosReport): boolean {
  return violations + deadlocks + openAtEnd + unansweredAtEnd + failures === 0
}

async function runOn(stage: Stage, { seconds, seed, onProgress }: Required<ChaosOptions>): Promise<ChaosReport> {
  const { plan, pool, postgres, proxies } = stage
  const random = createRandom(seed)
  const started = Date.now()
  const crew = startCrew(stage.workerScript, stage.planFile, { ways: WAYS, random: random.fork('crew') })
  const countLostReplies = () => proxies.reduce((sum, { counts }) => sum + counts['reply-lost'], 0)
  const nemesis = raiseNemesis(stage, crew, {
    seconds,
    random: random.fork('nemesis'),
    isEnough({ counts, reservations }) {
      const seen = { reservations, kills: crew.kills, lostReplies: countLostReplies(), restarts: counts.restarts }
      return Object.entries(ENOUGH_PER_MINUTE).every(([name, enough]) => seen[name as keyof typeof seen] >= (enough * seconds) / 60)
    },
  })
  const progress = setInterval(() => {
    const elapsed = Math.round((Date.now() - started) / 1000)
    const seen = { ...nemesis.counts, reservations: nemesis.reservations, kills: crew.kills, 'lost replies': countLostReplies(), violations: nemesis.violations.length }
    onProgress(`${String(elapsed)} s: ${(['reservations', 'kills', 'restarts', 'lost replies', 'violations'] as const).map((name) => `${String(seen[name])} ${name}`).join(', ')}`)
  }, PROGRESS_MILLISECONDS)
  let unansweredAtEnd: number
  try {
    await nemesis.over
    await stage.dataApi.kill()
    await restartDataApi(stage.dataApi)
    proxies.forEach((proxy) => {
      proxy.calm()
    })
    onProgress('no more faults: every call must be answered now')
    unansweredAtEnd = await crew.finish(ANSWERS_WITHIN_MILLISECONDS)
  } finally {
    clearInterval(progress)
    await crew.dismiss()
  }

  await sleep(plan.leaseSeconds * 1000)
  const failures = [...crew.deserters, ...(await tryEachWay(stage))]
  const openWithoutSweep = await countOpenOnceTouched(stage)
  await sweep(pool)
  const reservations = await readReservations(pool)
  const final = new Map([...nemesis.remembered, ...reservations.map((each) => [each.id, each] as const)])
  const findings = [
    ...[...nemesis.violations, ...(await readViolations(pool, plan.accounts))].map((row) => `violation: ${JSON.stringify(row)}`),
    ...findBrokenAcknowledgements(readJournals(plan.journals), { reservations: final, acts: await readActs(pool), pruned: new Set(nemesis.remembered.keys()) }),
    ...findKeysChargedTwice(final.values()),
    ...(await findResetsTooMany(pool, plan.accounts)),
    ...(await nemesis.findMiscounts()),
  ]
  ;[...findings, ...failures].slice(0, MOST_FINDINGS_TOLD).forEach(onProgress)

  return {
    reservations: [...final.values()].filter(({ user }) => user !== null).length,
    kills: crew.kills,
    lostReplies: countLostReplies(),
    restarts: nemesis.counts.restarts,
    violations: findings.length,
    deadlocks: postgres.readLog().split('deadlock detected').length - 1,
    openAtEnd: openWithoutSweep + reservations.filter(({ state }) => state === 'open').length,
    unansweredAtEnd,
    failures: failures.length,
    seed,
    seconds: Math.round((Date.now() - started) / 1000),
    details: { ...nemesis.counts, pauses: crew.pauses, ...countStates(final.values()), ...sumCounts(proxies.map(({ counts }) => counts)) },
  }
}

/** What half of the accounts still hold when each was asked for nothing, and nobody has swept: G7 says none. */
async function countOpenOnceTouched({ pool, plan }: Stage): Promise<number> {
  const touched = plan.accounts.filter((_, index) => index % 2 === 0)
  const ledger = postgresLedger(pool)
  const requests = touched.map(({ user }) => ({ id: randomUUID(), user, amounts: { ai: 0 }, lease: plan.leaseSeconds }))
  await ledger.reserve(requests)
  await ledger.refund(requests.map(({ id, user }) => ({ id, user })))
  const open = await readReservations(pool, "r.state = 'open' and r.subscription_id = any($1)", [touched.map(({ subscription }) => subscription)])
  return open.length
}

async function sweep(pool: pg.Pool): Promise<void> {
  for (let more = true; more; ) {
    const { rows } = await pool.query<{ more: boolean }>(`select (public.creditgate_sweep('[{"most": 1000}]') -> 0 ->> 'more')::boolean as more`)
    more = rows[0]?.more === true
  }
}

/** A reserve and a commit of nothing for an account, by each way: whatever was broken works again. */
async function tryEachWay({ dataApi, pool, plan }: Stage): Promise<readonly string[]> {
  const ledgers: Record<Way, Ledger> = { 'direct': postgresLedger(pool), 'data-api': supabaseLedger(await dataApi.createClient('service_role')) }
  const failures = await Promise.all(
    Object.entries(ledgers).map(async ([way, ledger]) => {
      const id = randomUUID()
      const user = plan.accounts[0]?.user ?? ''
      const [reserved] = await ledger.reserve([{ id, user, amounts: { ai: 0 }, lease: plan.leaseSeconds }])
      const [committed] = await ledger.commit([{ id, user }])
      return reserved?.outcome === 'reserved' && committed?.outcome === 'committed' ? [] : [`${way}: in the end a reserve was ${String(reserved?.outcome)} and its commit ${String(committed?.outcome)}`]
    }),
  )
  return failures.flat()
}

async function readActs(pool: pg.Pool): Promise<ReadonlyMap<string, Fields>> {
  const { rows } = await pool.query<{ subscription: string; kind: string; subject: string; key: string; answer: Fields }>(
    'select subscription_id as subscription, kind, subject, key, answer from creditgate.acts',
  )
  return new Map(rows.map((act) => [nameAct(act), act.answer]))
}

function countStates(reservations: Iterable<{ readonly state: string }>): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { state } of reservations) counts[state] = (counts[state] ?? 0) + 1
  return counts
}

function sumCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {}
  all.flatMap((counts) => Object.entries(counts)).forEach(([name, count]) => (sums[name] = (sums[name] ?? 0) + count))
  return sums
}
