import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createGuard } from 'creditgate'
import { createMemoryLedger, createTestIdentity, hostScenarios, reasonToSkip } from 'creditgate/testing'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createBooks } from '../support/books.ts'
import type { CallsReading } from '../support/runtimes/scenario-server.ts'
import { addCredits, createAccount, readUsed } from '../support/seed.ts'
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
  // What a host in this process would need; the guard that is tried is in the other.
  const guard = createGuard({ identity: createTestIdentity(), ledger: createMemoryLedger() })
  beforeAll(async () => {
    host = await startRuntime(runtime, { AUTH_URL: auth.url, API_URL: api.url, API_KEY: await api.signKey('service_role') })
  })
  afterAll(() => host.stop())

  it(runtime.script === 'workerd' ? 'each call to the database travels alone' : 'calls to the database travel together', async () => {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 1_000 })
    const headers = { Authorization: `Bearer ${await auth.signToken({ sub: account.user })}`, Scenario: encodeURIComponent('a finished 200 commits all'), Run: 'together' }
    const statuses = await Promise.all(Array.from({ length: 40 }, async () => (await fetch(`${host.at}/paid`, { method: 'POST', headers })).status))
    expect(statuses).toEqual(statuses.map(() => 200))
    await expect.poll(() => readUsed(database, row)).toBe(400)
    const { runtime: name, longest } = (await (await fetch(`${host.at}/calls`)).json()) as CallsReading
    expect(name).toMatch({ deno: /^Deno/, bun: /^Bun/, workerd: /^Cloudflare-Workers$/ }[runtime.script])
    if (runtime.script === 'workerd') expect(longest).toBe(1)
    else expect(longest).toBeGreaterThan(1)
  })

  for (const scenario of hostScenarios) {
    const reason = reasonToSkip(scenario, runtime)
    it.skipIf(reason !== undefined)(reason === undefined ? scenario.name : `${scenario.name} (${reason})`, () =>
      scenario.run({ host, guard, books: createBooks(database), createToken: (user) => auth.signToken({ sub: user }) }),
    )
  }
})
