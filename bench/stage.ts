import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { SupabaseClient } from '@supabase/supabase-js'
import pg from 'pg'
import { assembleMigration } from '../src/migration.ts'
import { ownerUrl, superuserUrl } from '../test/support/cluster.ts'
import { startDataApi, type DataApi } from '../test/support/data-api.ts'
import { startPostgres, type PostgresServer } from '../test/support/postgres-server.ts'
import { ACCOUNTS, AMPLE, LIMITED_CREDITS } from './accounts.ts'

/** The same for everyone: for each pg pool, and PostgREST's own. */
export const POOL_SIZE = 10

export interface Account {
  readonly user: string
  readonly subscription: string
  /** The id of its only credit row, in "AICredits". */
  readonly row: string
}

/** A database with the migration in it. */
export interface BenchDatabase {
  readonly url: string
  /** A pool of its own for one contender, whose connections stay open between its turns. */
  openPool(): pg.Pool
  /** As many accounts as a load falls on, and the limited one after them. */
  createAccounts(): Promise<readonly Account[]>
  /** As a superuser. */
  query<Row extends object>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export interface Stage {
  readonly database: BenchDatabase
  readonly versions: { readonly postgres: string; readonly postgrest: string }
  /** A client of the one PostgREST, with the secret key. */
  readonly client: SupabaseClient
  createDatabase(name: string): Promise<BenchDatabase>
  stop(): Promise<void>
}

export async function setStage(): Promise<Stage> {
  const postgres = await startPostgres({ durable: true })
  const ends: (() => Promise<unknown>)[] = []
  const createDatabase = (name: string) => create(postgres, { name, onEnd: (end) => ends.push(end) })
  const stop = async () => {
    await Promise.allSettled(ends.map((end) => end()))
    await postgres.stop()
  }
  try {
    const database = await createDatabase('bench')
    const [settings] = await database.query<{ version: string; fsync: string; synchronous: string }>(
      "select current_setting('server_version') as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as synchronous",
    )
    if (settings?.fsync !== 'on' || settings.synchronous !== 'on') throw new Error('the bench needs fsync and synchronous_commit')
    const api = await startDataApi(database.url)
    ends.push(() => api.stop())
    return {
      database,
      versions: { postgres: settings.version, postgrest: await readVersion(api) },
      client: await api.createClient('service_role'),
      createDatabase,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

async function readVersion(api: DataApi): Promise<string> {
  const { headers } = await fetch(api.url, { method: 'HEAD' })
  return headers.get('server')?.replace('postgrest/', '') ?? 'unknown'
}

async function create(postgres: PostgresServer, { name, onEnd }: { readonly name: string; readonly onEnd: (end: () => Promise<unknown>) => void }): Promise<BenchDatabase> {
  const openPool = (connectionString: string, max: number) => {
    const pool = new pg.Pool({ connectionString, max, idleTimeoutMillis: 0 })
    pool.on('error', () => undefined) // Ctrl-C ends Postgres, too: it is in the same group
    onEnd(() => pool.end())
    return pool
  }
  const maintenance = openPool(superuserUrl(postgres.port, 'postgres'), 1)
  await maintenance.query(`create database ${name}`)
  const superuser = openPool(superuserUrl(postgres.port, name), 1)
  await superuser.query(readFileSync(new URL('../test/support/supabase-shim.sql', import.meta.url), 'utf8'))
  await maintenance.query(`alter database ${name} owner to postgres`)

  const url = ownerUrl(postgres.port, name)
  const owner = openPool(url, 1)
  await owner.query(assembleMigration())
  // Ids as the guard makes them, for what is filled or called in the database itself.
  await owner.query(`
    create schema bench;
    create function bench.reservation_id(at timestamptz) returns uuid language sql volatile as $$
      select (substr(h.digits, 1, 8) || '-' || substr(h.digits, 9) || '-7' || substr(gen_random_uuid()::text, 16))::uuid
      from lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') as h (digits)
    $$`)
  return {
    url,
    openPool: () => openPool(url, POOL_SIZE),
    createAccounts: () => createAccounts(owner),
    query: async <Row extends object>(text: string, values: readonly unknown[] = []) => (await superuser.query<Row>(text, [...values])).rows,
  }
}

async function createAccounts(owner: pg.Pool): Promise<readonly Account[]> {
  const accounts = Array.from({ length: ACCOUNTS + 1 }, () => ({ user: randomUUID(), subscription: randomUUID(), row: randomUUID() }))
  const [users, subscriptions, rows] = (['user', 'subscription', 'row'] as const).map((key) => accounts.map((account) => account[key]))
  const allotted = accounts.map((_, account) => (account < ACCOUNTS ? AMPLE : LIMITED_CREDITS))
  await owner.query(`insert into "UserProfileSubscription" (id, userid, status) select s.id, s.userid, 'active' from unnest($1::uuid[], $2::uuid[]) as s (id, userid)`, [
    subscriptions,
    users,
  ])
  await owner.query(
    'insert into "AICredits" (id, allotted, used, resetindays, subscriptionid) select c.id, c.allotted, 0, 30, c.subscription from unnest($1::uuid[], $2::integer[], $3::uuid[]) as c (id, allotted, subscription)',
    [rows, allotted, subscriptions],
  )
  return accounts
}
