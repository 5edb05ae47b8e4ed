import { afterAll, beforeAll, describe, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { hostScenarios, reasonToSkip } from 'creditgate/testing'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createBooks } from '../support/books.ts'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { RUNTIMES, startRuntime, type RunningRuntime } from '../support/runtime-hosts.ts'

/** The scenarios of all hosts in processes of other runtimes, over real sockets, with a real PostgREST. */

let auth: AuthServer
let database: Database
let api: DataApi
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  api = await startDataApi(database.url)
})
afterAll(async () => {
  await api.stop()
  await database.drop()
  await auth.close()
})

describe.each(RUNTIMES)('fetch on $name', (runtime) => {
  let host: RunningRuntime
  beforeAll(async () => {
    host = await startRuntime(runtime, { AUTH_URL: auth.url, API_URL: api.url, API_KEY: await api.signKey('service_role') })
  })
  afterAll(() => host.stop())

  for (const scenario of hostScenarios) {
    const reason = reasonToSkip(scenario, runtime as never)
    it.skipIf(reason !== undefined)(reason === undefined ? scenario.name : `${scenario.name} (${reason})`, () => {
      // A guard of this process, for what a host in it would need; the one that is tried is in the other.
      const guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool) })
      return scenario.run({ host, guard, books: createBooks(database), createToken: (user) => auth.signToken({ sub: user }) })
    })
  }
})
