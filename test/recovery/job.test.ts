import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Guard } from 'creditgate'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'

/** A server that hands its reservations to a job in another process, and a server that is told to end. */

let auth: AuthServer
let database: Database
let job: Guard
let server: ChildProcess
let url: string
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  job = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool) })
})
beforeEach(async () => {
  server = fork(new URL('victim.ts', import.meta.url), [database.url, auth.url], { execArgv: ['--import', 'tsx'] })
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  url = `http://127.0.0.1:${port}`
})
afterEach(async () => {
  server.kill('SIGKILL')
  await expectNoViolations(database)
})
afterAll(async () => {
  await database.drop()
  await auth.close()
})

async function createCaller(allotted = 100) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted })
  const headers = { Authorization: `Bearer ${await auth.signToken({ sub: account.user })}` }
  return { row, post: (path: string) => fetch(url + path, { method: 'POST', headers }) }
}

async function detach(leaseSeconds = 300) {
  const { row, post } = await createCaller()
  const response = await post(`/detaches?lease=${leaseSeconds}`)
  expect(response.status).toBe(202)
  return { row, id: ((await response.json()) as { job: string }).job }
}

it('a detached reservation outlives its server, and its job settles it by its id', async () => {
  const { row, id } = await detach()
  server.kill('SIGKILL')
  await once(server, 'exit')
  expect(await readUsed(database, row)).toBe(10)
  expect(await job.extend(id, { leaseSeconds: 60, reported: 2 })).toEqual({ id, outcome: 'extended', reported: { ai: 2 } })
  expect(await job.commit(id, 4)).toEqual({ id, outcome: 'committed', amounts: { ai: 4 } })
  expect(await job.commit(id, 4)).toEqual({ id, outcome: 'committed', amounts: { ai: 4 } })
  expect(await readUsed(database, row)).toBe(4)
})

it('a job that is not needed after all refunds', async () => {
  const { row, id } = await detach()
  expect(await job.refund(id)).toEqual({ id, outcome: 'refunded' })
  expect(await readUsed(database, row)).toBe(0)
})

it('a job that comes too late learns that there is nothing left to work for', async () => {
  const { row, id } = await detach()
  await endLease(database, id)
  expect(await job.extend(id, { leaseSeconds: 60 })).toEqual({ id, outcome: 'expired' })
  expect(await job.commit(id, 10)).toEqual({ id, outcome: 'expired' })
  expect(await readUsed(database, row)).toBe(0)
})

it("a server's own renewal that arrives late does not shorten the job's lease", async () => {
  const { id } = await detach(300)
  await postgresLedger(database.pool).extend([{ id, lease: 3, atLeast: true }])
  const [lease] = await database.query<{ long: boolean }>("select lease_until > clock_timestamp() + interval '200 seconds' as long from creditgate.reservations where id = $1", [id])
  expect(lease?.long).toBe(true)
  await job.refund(id)
})

it('the server renews a detached lease no more', async () => {
  const { id } = await detach(30)
  const readLease = () => database.query('select lease_until from creditgate.reservations where id = $1', [id])
  const before = await readLease()
  await new Promise((resolve) => setTimeout(resolve, 1_500)) // its own beat is a second
  expect(await readLease()).toEqual(before)
  await job.refund(id)
})

it('a server that is told to end answers the fifty requests it has begun, settles them and ends', async () => {
  const { row, post } = await createCaller(500)
  let begun = 0
  const allBegun = new Promise<void>((resolve) => {
    server.on('message', () => {
      begun += 1
      if (begun === 50) resolve()
    })
  })
  const responses = Array.from({ length: 50 }, () => post('/takes-its-time').then(async (response) => [response.status, await response.text()]))
  await allBegun
  server.kill('SIGTERM')
  const [[code]] = await Promise.all([once(server, 'exit') as Promise<[number]>, ...responses])
  expect(await Promise.all(responses)).toEqual(Array(50).fill([200, 'done']))
  expect(code).toBe(0)
  expect(await readUsed(database, row)).toBe(500)
  expect(await database.query("select from creditgate.reservations where state = 'open'")).toEqual([])
})
