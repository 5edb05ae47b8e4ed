import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import pg from 'pg'
import * as here from 'creditgate'
import type { Ledger } from 'creditgate'
import { assembleMigration } from '../src/migration.ts'
import { ownerUrl, startCluster, superuserUrl, TEMPLATES } from '../test/support/cluster.ts'
import { startDataApi } from '../test/support/data-api.ts'

/**
 * A lone caller's reserve and commit, and arrays of 128 of them, here and at another revision of git:
 * `npm run bench:compare -- <revision>`. One Postgres, a database for each, taking turns call by call, so that whatever else
 * the machine does befalls both.
 */
const [revision = 'HEAD', calls = '3000'] = process.argv.slice(2)
const SIDES = [revision, 'here'] as const
type Library = Pick<typeof here, 'postgresLedger' | 'supabaseLedger'> & { assembleMigration(): string }
const WARM_UP = 200
const ARRAY_LENGTH = 128
const ACCOUNTS = Array.from({ length: 100 }, () => ({ user: randomUUID(), subscription: randomUUID() }))

const cluster = await startCluster()
const folder = mkdtempSync(join(tmpdir(), 'creditgate-compare-'))
try {
  const libraries: readonly Library[] = [await importAt(revision), { ...here, assembleMigration }]
  const libraryOf = (index: number) => libraries[index] as Library
  for (const [index, library] of libraries.entries()) await createSide(`compare_${index}`, library.assembleMigration())
  console.log(`${calls} pairs each, ${revision} against the working tree; p50 in milliseconds\n`)
  const openDirect: Open = (index) => {
    const pool = new pg.Pool({ connectionString: ownerUrl(cluster.port, `compare_${index}`), max: 1 })
    return Promise.resolve({ ledger: libraryOf(index).postgresLedger(pool), close: () => pool.end() })
  }
  await compare('direct (pg)', openDirect)
  await compare(`direct (pg), ${ARRAY_LENGTH} at once on one subscription`, openDirect, { length: ARRAY_LENGTH, accounts: 1 })
  await compare(`direct (pg), ${ARRAY_LENGTH} at once on ${ACCOUNTS.length}`, openDirect, { length: ARRAY_LENGTH })
  await compare('Data API (supabase-js)', async (index) => {
    const api = await startDataApi(ownerUrl(cluster.port, `compare_${index}`))
    return { ledger: libraryOf(index).supabaseLedger(await api.createClient('service_role')), close: () => api.stop() }
  })
} finally {
  await cluster.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** The library as it was at that revision, and its migration. */
async function importAt(git: string): Promise<Library> {
  execFileSync('sh', ['-c', `git archive ${JSON.stringify(git)} src sql package.json | tar -x -C ${JSON.stringify(folder)}`])
  symlinkSync(join(process.cwd(), 'node_modules'), join(folder, 'node_modules'))
  const load = (file: string) => import(pathToFileURL(join(folder, file)).href) as Promise<Library>
  return { ...(await load('src/index.ts')), ...(await load('src/migration.ts')) }
}

async function createSide(name: string, migration: string): Promise<void> {
  const superuser = new pg.Client({ connectionString: superuserUrl(cluster.port, 'postgres') })
  await superuser.connect()
  await superuser.query(`create database ${name} template ${TEMPLATES.project} owner postgres`)
  await superuser.end()
  const owner = new pg.Client({ connectionString: ownerUrl(cluster.port, name) })
  await owner.connect()
  await owner.query(migration)
  for (const { user, subscription } of ACCOUNTS) {
    await owner.query('insert into "UserProfileSubscription" (id, userid) values ($1, $2)', [subscription, user])
    await owner.query('insert into "AICredits" (id, allotted, used, resetindays, subscriptionid) values (gen_random_uuid(), 2000000000, 0, 30, $1)', [subscription])
  }
  await owner.end()
}

type Open = (index: number) => Promise<{ readonly ledger: Ledger; close(): Promise<void> }>

async function compare(path: string, open: Open, { length = 1, accounts = ACCOUNTS.length } = {}): Promise<void> {
  const sides = await Promise.all(SIDES.map(async (side, index) => ({ side, ...(await open(index)), reserve: [] as number[], commit: [] as number[] })))
  for (let call = 0; call < Number(calls) / length + WARM_UP; call += 1) {
    for (const each of call % 2 === 0 ? sides : sides.toReversed()) {
      const requests = Array.from({ length }, (_, place) => ({ id: randomUUID(), user: ACCOUNTS[(call + place) % accounts]?.user as string, amounts: { ai: 1 } }))
      const started = performance.now()
      await each.ledger.reserve(requests.map((request) => ({ ...request, lease: 60 })))
      const reserved = performance.now()
      await each.ledger.commit(requests)
      if (call < WARM_UP) continue
      each.reserve.push(reserved - started)
      each.commit.push(performance.now() - reserved)
    }
  }
  const [before, here] = sides as [(typeof sides)[number], (typeof sides)[number]]
  for (const operation of ['reserve', 'commit'] as const) {
    const [one, other] = [findMedian(before[operation]), findMedian(here[operation])]
    console.log(`${path}, ${operation}: ${one.toFixed(3)} -> ${other.toFixed(3)}, ${(other / one).toFixed(3)} times`)
  }
  for (const side of sides) await side.close()
}

function findMedian(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
