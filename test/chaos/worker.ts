import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt, supabaseLedger } from 'creditgate'
import { createDataApiClient } from '../support/data-api.ts'
import { ERRANDS, persist, type Bench } from './errands.ts'
import { keepJournal, openJournal } from './journal.ts'
import { createPending } from './pending.ts'
import type { Plan, Way, WorkerMessage, WorkerOrder } from './plan.ts'
import { createRandom } from './random.ts'

/** A process that spends credits until it is told to stop, or is killed. Arguments: the plan's file, the way, its own name. */

const WEIGHTS: Record<keyof typeof ERRANDS, number> = {
  guarded: 40,
  metered: 5,
  several: 18,
  bundled: 6,
  affordable: 6,
  replayed: 6,
  keyed: 8,
  attempted: 8,
  detached: 6,
  contradicted: 5,
  'given-up': 5,
  reversed: 5,
  reset: 2,
  swept: 2,
}
const LANES = 12
const CONNECTIONS = 5
const PAUSE_MILLISECONDS = [10, 100] as const

const [planFile = '', way = 'direct', name = ''] = process.argv.slice(2) as [string?, Way?, string?]
const plan = JSON.parse(readFileSync(planFile, 'utf8')) as Plan
const journal = openJournal(plan.journals, name)
const ledger = keepJournal(createWayLedger(), journal)
const guard = createGuard({
  identity: supabaseJwt({ url: plan.authUrl }),
  ledger,
  leaseSeconds: plan.leaseSeconds,
  onEvent(event) {
    if (event.type === 'fault') return
    journal.write({ kind: 'told', event })
  },
})
const pending = createPending()
const bench: Bench = {
  plan,
  random: createRandom(plan.seed).fork(name),
  guard,
  ledger,
  pending,
  handOver(settlement) {
    tell({ kind: 'handOver', settlement })
  },
}
let stopped = false

process.on('disconnect', () => process.exit(0)) // whoever started it is gone
process.on('message', (order: WorkerOrder) => void follow(order))
const lanes = Array.from({ length: LANES }, (_, lane) => work({ ...bench, random: bench.random.fork(String(lane)) }))
tell({ kind: 'ready' })
await Promise.all(lanes)

function createWayLedger() {
  if (way === 'data-api') return supabaseLedger(createDataApiClient(plan.dataApi.url, plan.dataApi.key))
  const pool = new pg.Pool({ connectionString: plan.databaseUrl, max: CONNECTIONS, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => undefined) // a connection that was cut while it was idle
  return postgresLedger(pool)
}

async function work(own: Bench): Promise<void> {
  await sleep(own.random.integer(0, 100))
  while (!stopped) {
    await ERRANDS[own.random.weigh(WEIGHTS)](own)
    await sleep(own.random.integer(...PAUSE_MILLISECONDS))
  }
}

async function follow(order: WorkerOrder): Promise<void> {
  switch (order.kind) {
    case 'settle': {
      const { reservation, amount } = order.settlement
      const { leaseSeconds } = plan
      if (bench.random.chance(0.5)) await persist(bench, () => guard.extend(reservation, { leaseSeconds }))
      await sleep(bench.random.integer(0, 1_000))
      await persist<{ outcome: string }>(bench, () => (amount === undefined ? guard.refund(reservation) : guard.commit(reservation, amount)))
      break
    }
    case 'stop':
      stopped = true
      await Promise.all(lanes)
      await guard.close({ withinSeconds: 60 })
      while (pending.calls > 0) await sleep(10)
      tell({ kind: 'pending', calls: 0 })
      break
    case 'count':
      tell({ kind: 'pending', calls: pending.calls })
  }
}

function tell(message: WorkerMessage): void {
  process.send?.(message)
}
