import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** A process killed by SIGKILL between reserve and commit: nobody sweeps, the next reserve finds what it held. */

let auth: AuthServer
let database: Database
let victim: ChildProcess
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  victim.kill('SIGKILL')
  await database.drop()
  await auth.close()
})

function receive<Message>(): Promise<Message> {
  return once(victim, 'message').then(([message]) => message as Message)
}

it.each([
  ['gives everything back', 0, 0],
  ['keeps what was reported', 4, 4],
])('%s when its lease is over', async (_name, reported, kept) => {
  victim = fork(new URL('victim.ts', import.meta.url), [database.url, auth.url], { execArgv: ['--import', 'tsx'] })
  const { port } = await receive<{ port: number }>()
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 10 })
  const token = await auth.signToken({ sub: account.user })

  const answer = fetch(`http://127.0.0.1:${port}/reports?report=${reported}`, { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
  const died = answer.catch(() => 'died')
  const { reserved } = await receive<{ reserved: string }>()
  const readReported = () => database.query<{ reported: unknown }>('select reported from creditgate.reservations where id = $1', [reserved])
  if (reported > 0) await expect.poll(readReported, { timeout: 5_000 }).toEqual([{ reported: { ai: reported } }])
  victim.kill('SIGKILL')
  expect(await died).toBe('died')
  expect(await readUsed(database, row)).toBe(10)

  const guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool) })
  const gate = guard.requireCredits('ai', 10 - kept)
  const admit = () => gate.admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} })
  expect(await admit()).toMatchObject({ outcome: 'denied', problem: { name: 'insufficient-credits', body: { available: 0 } } })
  let admission = await admit()
  await expect.poll(async () => (admission = await admit()).outcome, { timeout: 6_000, interval: 100 }).toBe('admitted')

  expect(await readUsed(database, row)).toBe(10)
  expect(await database.query('select state from creditgate.reservations where id = $1', [reserved])).toEqual([{ state: kept > 0 ? 'committed' : 'expired' }])
  if (admission.outcome === 'admitted') await admission.settle({ status: 500, threw: false, ended: 'finished', started: true })
  expect(await readUsed(database, row)).toBe(kept)
})
