import { fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgresLedger, type Ledger } from 'creditgate'
import { bundleScript } from '../chaos/bundle.ts'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed, type Account } from '../support/seed.ts'
import { BLOWS, LEASE_SECONDS, POINTS, REPORTED, RESERVED, type Blow, type Point, type Scene, type Story } from './crash-point.ts'

/** How often each point is struck: `CREDITGATE_REPEAT=25 npx vitest run test/recovery/crash-points.test.ts`. */
const REPEAT = Number(process.env['CREDITGATE_REPEAT'] ?? 1)

/** What the reservation ends as and keeps; `never`: there is none. */
const ENDS: Record<Point, Record<Blow, readonly [state: string, kept: number]>> = {
  'before the reserve is sent': { kill: ['never', 0], stop: ['committed', RESERVED], throw: ['committed', RESERVED] },
  'before the reserve is answered': { kill: ['expired', 0], stop: ['expired', 0], throw: ['committed', RESERVED] },
  'after the reserve is answered': { kill: ['expired', 0], stop: ['expired', 0], throw: ['committed', RESERVED] },
  'in the handler': { kill: ['expired', 0], stop: ['expired', 0], throw: ['refunded', 0] },
  'in mid-stream after a durable report': { kill: ['committed', REPORTED], stop: ['committed', REPORTED], throw: ['committed', REPORTED] },
  'before the commit is sent': { kill: ['expired', 0], stop: ['expired', 0], throw: ['committed', RESERVED] },
  'before the commit is answered': { kill: ['committed', RESERVED], stop: ['committed', RESERVED], throw: ['committed', RESERVED] },
  'after the commit is answered': { kill: ['committed', RESERVED], stop: ['committed', RESERVED], throw: ['committed', RESERVED] },
  'before the refund is sent': { kill: ['expired', 0], stop: ['expired', 0], throw: ['refunded', 0] },
  'before the refund is answered': { kill: ['refunded', 0], stop: ['refunded', 0], throw: ['refunded', 0] },
  'after the refund is answered': { kill: ['refunded', 0], stop: ['refunded', 0], throw: ['refunded', 0] },
}

let auth: AuthServer
let database: Database
let ledger: Ledger
let folder: string
let script: string
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  ledger = postgresLedger(database.pool)
  folder = mkdtempSync(join(tmpdir(), 'creditgate-victim-'))
  script = await bundleScript(new URL('crash-victim.ts', import.meta.url), folder)
})
afterAll(async () => {
  await database.drop()
  await auth.close()
  rmSync(folder, { recursive: true, force: true })
})

const cases = POINTS.flatMap((point) => BLOWS.flatMap((blow) => Array.from({ length: REPEAT }, (_, round) => [point, blow, round + 1] as const)))

describe.concurrent('a process', () => {
  it.each(cases)('struck %s by %s loses and mints nothing (%i)', { timeout: 60_000 }, async (point, blow) => {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: RESERVED })
    const [state, kept] = ENDS[point][blow]
    const story = await strike(account, { point, blow, kept })

    await expectFree(account, RESERVED - kept)
    expect(await readEnds(account)).toEqual(state === 'never' ? [] : [{ state, kept: { ai: kept } }])
    expect(await readUsed(database, row)).toBe(kept)
    await expectNoViolations(database)
    expect(story).toEqual(blow === 'kill' ? undefined : expect.objectContaining({ admission: 'admitted', unsettled: 0, events: expectEvents(point, blow) }))
  })
})

/** Returns what the process told, unless it was killed. */
async function strike(account: Account, { point, blow, kept }: { readonly point: Point; readonly blow: Blow; readonly kept: number }): Promise<Story | undefined> {
  const scene: Scene = { databaseUrl: database.url, authUrl: auth.url, token: await auth.signToken({ sub: account.user }), point, blow }
  const victim = fork(script, [JSON.stringify(scene)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], execArgv: [] })
  const exited = once(victim, 'exit')
  let story: Story | undefined
  let lastWords = ''
  victim.on('message', (told: Story) => (story = told))
  victim.stderr?.on('data', (chunk: Buffer) => (lastWords += chunk.toString()))
  try {
    if (blow === 'kill') {
      expect(await exited, lastWords).toEqual([null, 'SIGKILL'])
      // Time is not waited for where nobody's clock but the database's counts.
      await database.query("update creditgate.reservations set lease_until = lease_until - interval '1 hour' where user_id = $1 and state = 'open'", [account.user])
      return undefined
    }
    if (blow === 'stop') {
      await Promise.race([once(victim.stdout as Readable, 'data'), exited])
      await sleep(LEASE_SECONDS * 1000 + 200)
      await expectFree(account, point === 'before the reserve is sent' ? RESERVED : RESERVED - kept)
      victim.kill('SIGCONT')
    }
    expect(await exited, lastWords).toEqual([0, null])
    return story
  } finally {
    victim.kill('SIGKILL')
  }
}

/** So much can be reserved, and no more: nothing is held by anyone. */
async function expectFree(account: Account, amount: number): Promise<void> {
  const { user } = account
  const ask = async (wanted: number) => {
    const id = randomUUID()
    const [answer] = await ledger.reserve([{ id, user, amounts: { ai: wanted }, lease: LEASE_SECONDS }])
    await ledger.refund([{ id, user }])
    await database.query('delete from creditgate.reservations where id = $1', [id])
    return answer?.outcome
  }
  expect([await ask(amount + 1), await ask(amount)]).toEqual(['insufficient', 'reserved'])
}

function readEnds({ subscription }: Account): Promise<unknown[]> {
  return database.query('select r.state, creditgate.kept_amounts(r) as kept from creditgate.reservations r where r.subscription_id = $1', [subscription])
}

/** The guard says what came of it, also when that is not what was wanted. */
function expectEvents(point: Point, blow: Blow): unknown {
  const [state, kept] = ENDS[point][blow]
  const late = blow === 'stop' && (state === 'expired' || point === 'in mid-stream after a durable report')
  if (late && !point.includes('refund')) return [{ type: 'reserved' }, { type: 'unsettled', wanted: 'commit', state: state === 'expired' ? 'expired' : 'conflict' }].map((event) => expect.objectContaining(event) as unknown)
  return [{ type: 'reserved' }, { type: 'settled', outcome: kept > 0 ? 'committed' : 'refunded', amounts: { ai: kept } }].map((event) => expect.objectContaining(event) as unknown)
}
