import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations } from '../support/seed.ts'
import { startCrowd, type Crowd } from './crowd.ts'

/** Calls of two credit types at once, which one process names in this order and the other in that. */

let auth: AuthServer
let database: Database
let crowd: Crowd
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  crowd = await startCrowd({ authUrl: auth.url, databaseUrl: database.url, dataApi: undefined }, { processes: 2 })
})
afterAll(async () => {
  crowd.end()
  await database.drop()
  await auth.close()
})

it('all or nothing: exactly as many of 600 as there is room for have both, through the guard and past it, and there is no deadlock', async () => {
  const account = await createAccount(database)
  for (const resetInDays of [30, null]) await addCredits(database, account, { allotted: 101, resetInDays })
  for (const resetInDays of [7, null]) await addCredits(database, account, { type: 'lead', allotted: 50, resetInDays })
  const round = { ...account, token: await auth.signToken({ sub: account.user }), amounts: { ai: 2, lead: 1 }, calls: 600, processes: 2 }
  const { answers, ...score } = await crowd.attempt({ ...round, through: 'guard' })
  expect(score).toMatchObject({ handled: 100, granted: 300, unsettled: 0 })
  // So many at once of one subscription may find it busy.
  const { '200': charged, '402 insufficient-credits': refused = 0, '503 credits-unavailable': busy = 0, ...others } = answers
  expect({ charged, denied: refused + busy, others }).toEqual({ charged: 100, denied: 500, others: {} })
  await addCredits(database, account, { allotted: 98 })
  await addCredits(database, account, { type: 'lead', allotted: 77 })
  expect(await crowd.attempt({ ...round, through: 'ledger' })).toMatchObject({ handled: 50, granted: 150, answers: { committed: 50, insufficient: 550 } })

  const used = await database.query<{ used: number }>('select sum(used)::int as used from creditgate.credit_rows where subscription_id = $1 group by credit_type order by credit_type', [account.subscription])
  expect(used).toEqual([{ used: 300 }, { used: 150 }])
  await expectNoViolations(database)
  // What a connection has counted is there to read once it has ended.
  crowd.end()
  while ((await database.query('select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and usename = current_user')).length >= database.pool.totalCount) await sleep(20)
  await database.query('select pg_stat_force_next_flush()')
  expect(await database.query('select deadlocks::int from pg_stat_database where datname = current_database()')).toEqual([{ deadlocks: 0 }])
})
