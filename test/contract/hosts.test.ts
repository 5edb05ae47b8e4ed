import { afterAll, beforeAll, describe, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Guard } from 'creditgate'
import { hostScenarios, reasonToSkip } from 'creditgate/testing'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createBooks } from '../support/books.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { HOSTS } from '../support/hosts.ts'

/** The same scenarios on every host, over real sockets and a real Postgres: whatever happens costs the same. */

let auth: AuthServer
let database: Database
let guard: Guard
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), onEvent: () => undefined })
})
afterAll(async () => {
  await guard.close()
  await database.drop()
  await auth.close()
})

describe.each(HOSTS)('on $name', (host) => {
  for (const scenario of hostScenarios) {
    const reason = reasonToSkip(scenario, host)
    it.skipIf(reason !== undefined)(reason === undefined ? scenario.name : `${scenario.name} (${reason})`, () =>
      scenario.run({ host, guard, books: createBooks(database), createToken: (user) => auth.signToken({ sub: user }) }),
    )
  }
})
