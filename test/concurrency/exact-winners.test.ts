import { Hono } from 'hono'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, supabaseJwt, type Guard } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { addCredits, createAccount, expectNoViolations } from '../support/seed.ts'

const CALLS = 1000

/** 1,000 calls at once against room for exactly k: k of them run their handler, whatever the order. */
describe.each(['PostgREST through supabase-js', 'Postgres through pg'])('over %s', (name) => {
  let auth: AuthServer
  let fixture: LedgerFixture
  let guard: Guard
  beforeAll(async () => {
    auth = await startAuthServer()
    fixture = await (LEDGERS[name] as () => Promise<LedgerFixture>)()
    // One call at a time for each of its 10 connections: the last of 1,000 waits longer than a user would.
    guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: fixture.ledger, reserveTimeoutSeconds: 60 })
  })
  afterEach(() => expectNoViolations(fixture.database))
  afterAll(async () => {
    await guard.close()
    await fixture.close()
    await auth.close()
  })

  it.each([0, 1, 7, 50, 999])('exactly %i of 1,000 run their handler', async (winners) => {
    // Calls of 2 against an odd number in each of two rows: some call draws on both, and 1 credit is left that buys nothing.
    const amount = 2
    const account = await createAccount(fixture.database)
    const first = 2 * Math.floor(winners / 3) + 1
    await addCredits(fixture.database, account, { allotted: first + 5, used: 5, resetInDays: 30 })
    await addCredits(fixture.database, account, { allotted: winners * amount + 1 - first })

    let handled = 0
    const app = new Hono().post('/', honoCredits(guard)('ai', amount), (c) => {
      handled += 1
      return c.text('done')
    })
    const token = await auth.signToken({ sub: account.user })
    const responses = await Promise.all(
      Array.from({ length: CALLS }, async () => {
        const response = await app.request('/', { method: 'POST', headers: { Authorization: `Bearer ${token}` } })
        await response.text()
        return response.status
      }),
    )
    await guard.close()

    expect(handled).toBe(winners)
    expect(responses.filter((status) => status === 200)).toHaveLength(winners)
    expect(responses.filter((status) => status === 402)).toHaveLength(CALLS - winners)
    const [after] = await fixture.database.query<{ left: number }>('select sum(allotted - used)::int as left from "AICredits" where subscriptionid = $1', [account.subscription])
    expect(after?.left).toBe(1)
    const open = await fixture.database.query("select from creditgate.reservations where subscription_id = $1 and state <> 'committed'", [account.subscription])
    expect(open).toEqual([])
  })
})
