import { randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { assembleMigration } from '../../src/migration.ts'
import { startAuthServer } from '../support/auth-server.ts'
import { ownerUrl, superuserUrl } from '../support/cluster.ts'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts'
import { startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { CREDIT_TABLES, type CreditType } from '../support/seed.ts'
import { bundleScript } from './bundle.ts'
import type { AccountKind, Plan, PlannedAccount } from './plan.ts'
import type { Random } from './random.ts'

/** Everything that a run needs, started. */
export interface Stage {
  readonly postgres: PostgresServer
  readonly dataApi: DataApi
  readonly proxies: readonly FaultProxy[]
  /** Straight to the database, by no proxy, as the role that owns the project. */
  readonly pool: pg.Pool
  readonly plan: Plan
  readonly planFile: string
  readonly workerScript: string
  close(): Promise<void>
}

const DATABASE = 'chaos'
const LEASE_SECONDS = 3
const ACCOUNTS: Readonly<Record<AccountKind, number>> = { shared: 5, usual: 35, disturbed: 2, counted: 2 }
/** Rows that end their cycles at different times, a top-up, and too few credits for all that is asked. */
const ROWS = [{ allotted: 60, resetInDays: 30 }, { allotted: 40, resetInDays: 7 }, { allotted: 50, resetInDays: null }]
/** One row for all calls, so that they meet its other writer. */
const COUNTED_ROWS = [{ allotted: 5_000, resetInDays: null }]

/** Rarer than over HTTP: each ends a connection to the database, and a new one plans every statement anew, which costs more than the call. */
const POSTGRES_RATES = { 'request-lost': 0.007, 'request-reset': 0.004, 'request-late': 0.01, 'reply-lost': 0.03, 'reply-cut': 0.005, 'reply-late': 0.02, 'swallowed': 0.003 }
const HTTP_RATES = {
  'request-lost': 0.01,
  'request-reset': 0.005,
  'request-late': 0.02,
  'reply-lost': 0.08,
  'reply-cut': 0.015,
  'reply-late': 0.03,
  'reply-garbage': 0.02,
  'reply-swapped': 0.02,
  'swallowed': 0.005,
}

export async function setStage({ seed, random }: { readonly seed: string; readonly random: Random }): Promise<Stage> {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-chaos-'))
  const journals = join(folder, 'journals')
  mkdirSync(journals)
  const postgres = await startPostgres({ durable: true })
  await run(superuserUrl(postgres.port, 'postgres'), `create database ${DATABASE}`)
  await run(superuserUrl(postgres.port, DATABASE), readFileSync(new URL('../support/supabase-shim.sql', import.meta.url), 'utf8'))
  await run(superuserUrl(postgres.port, 'postgres'), `alter database ${DATABASE} owner to postgres; grant pg_signal_backend to postgres`)
  const pool = new pg.Pool({ connectionString: ownerUrl(postgres.port, DATABASE), max: 10, connectionTimeoutMillis: 2_000 })
  pool.on('error', () => undefined) // a connection that was idle when the database was killed
  await pool.query(assembleMigration())

  const [auth, dataApi, workerScript] = await Promise.all([startAuthServer(), startDataApi(ownerUrl(postgres.port, DATABASE)), bundleScript(new URL('worker.ts', import.meta.url), folder)])
  const postgresProxy = await startFaultProxy({ targetPort: postgres.port, protocol: 'postgres', rates: POSTGRES_RATES, next: random.fork('postgres').next })
  const httpProxy = await startFaultProxy({
    targetPort: dataApi.port,
    protocol: 'http',
    rates: HTTP_RATES,
    next: random.fork('http').next,
    // Not commits: an errand commits one id with two amounts, and no echo tells an answer to the one from an answer to the other.
    swaps: /creditgate_reserve$/,
  })

  const accounts: PlannedAccount[] = []
  for (const kind of Object.entries(ACCOUNTS).flatMap(([name, count]) => Array<AccountKind>(count).fill(name as AccountKind))) {
    const account = { user: randomUUID(), subscription: randomUUID(), kind }
    await pool.query('insert into "UserProfileSubscription" (id, userid, status) values ($1, $2, $3)', [account.subscription, account.user, 'active'])
    for (const type of Object.keys(CREDIT_TABLES) as CreditType[]) {
      for (const row of kind === 'counted' ? COUNTED_ROWS : ROWS) await insertCredits(pool, type, { subscription: account.subscription, ...row })
    }
    accounts.push({ ...account, token: await auth.signToken({ sub: account.user }) })
  }
  const plan: Plan = {
    seed,
    leaseSeconds: LEASE_SECONDS,
    authUrl: auth.url,
    journals,
    databaseUrl: ownerUrl(postgresProxy.port, DATABASE),
    dataApi: { url: `http://127.0.0.1:${String(httpProxy.port)}`, key: await dataApi.signKey('service_role') },
    accounts,
  }
  const planFile = join(folder, 'plan.json')
  writeFileSync(planFile, JSON.stringify(plan))

  return {
    postgres,
    dataApi,
    proxies: [postgresProxy, httpProxy],
    pool,
    plan,
    planFile,
    workerScript,
    async close() {
      await Promise.all([postgresProxy.close(), httpProxy.close(), auth.close(), dataApi.stop()])
      await pool.end()
      await postgres.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** The plain insert that users add credits by. */
export async function insertCredits(
  pool: pg.Pool,
  type: CreditType,
  { subscription, allotted, resetInDays }: { readonly subscription: string; readonly allotted: number; readonly resetInDays: number | null },
): Promise<void> {
  await pool.query(`insert into ${CREDIT_TABLES[type]} (id, allotted, used, resetindays, subscriptionid) values ($1, $2, 0, $3, $4)`, [
    randomUUID(),
    allotted,
    resetInDays,
    subscription,
  ])
}

async function run(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
