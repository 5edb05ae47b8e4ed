import { withSupabase } from '@supabase/server/adapters/hono'
import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type GuardEvent, type Identity } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** Hono behind the real withSupabase(): what it has verified is taken, and held to our own rules. */

let auth: AuthServer
let database: Database
let verified: number
const events: GuardEvent[] = []
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  await database.drop()
  await auth.close()
})

async function arrange() {
  const identity = supabaseJwt({ url: auth.url })
  verified = 0
  const counting: Identity = { ...identity, verify: (token) => ((verified += 1), identity.verify(token)) }
  const guard = createGuard({ identity: counting, ledger: postgresLedger(database.pool), onEvent: (event) => events.push(event) })
  const env = { url: auth.url, jwks: auth.jwks, publishableKeys: { default: 'sb_publishable_x' }, secretKeys: { default: 'sb_secret_x' } }
  const app = new Hono()
  app.use('*', withSupabase({ auth: 'user', env, supabaseOptions: { realtime: { transport: Object } } } as never))
  app.post('/paid', honoCredits(guard)('ai', 3), (c) => c.text(c.var.credits.user?.id ?? 'nobody'))
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 10 })
  const ask = async (claims: Record<string, unknown> = {}) => app.request('/paid', { method: 'POST', headers: { authorization: `Bearer ${await auth.signToken({ sub: account.user, ...claims })}` } })
  return { account, row, ask }
}

it('takes the claims of a user, and does not verify the token again', async () => {
  const { account, row, ask } = await arrange()
  const response = await ask()
  expect([response.status, await response.text()]).toEqual([200, account.user])
  expect([verified, await readUsed(database, row)]).toEqual([0, 3])
})

it.each<[string, Record<string, unknown>, number]>([
  ['the role service_role', { role: 'service_role' }, 401],
  ['another issuer', { iss: 'https://other.supabase.co/auth/v1' }, 401],
  ['an anonymous user', { is_anonymous: true }, 403],
  ["a third party's client", { client_id: 'app' }, 403],
])('refuses %s, which withSupabase() lets through', async (_what, claims, status) => {
  const { row, ask } = await arrange()
  expect((await ask(claims)).status).toBe(status)
  expect(await readUsed(database, row)).toBe(0)
})
