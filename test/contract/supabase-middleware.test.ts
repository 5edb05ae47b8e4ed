import { pipeline } from '@supabase/middleware'
import { withSupabase } from '@supabase/server'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Credits, type Guard } from 'creditgate'
import { supabaseCredits } from 'creditgate/supabase-middleware'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** The entry for pipelines of @supabase/middleware, alone and behind the real withSupabase(). */

let auth: AuthServer
let database: Database
let guard: Guard
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), onEvent: () => undefined })
})
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  await guard.close()
  await database.drop()
  await auth.close()
})

async function arrange(handle: (credits: Credits) => Response | Promise<Response>, isBehindSupabase: boolean) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 10 })
  const credits = supabaseCredits(guard)(['ai', 3])
  const supabase = withSupabase({ auth: 'user', env: { url: auth.url, jwks: auth.jwks, publishableKeys: { default: 'sb_publishable_x' }, secretKeys: { default: 'sb_secret_x' } }, supabaseOptions: { realtime: { transport: Object } } } as never)
  const answer = isBehindSupabase ? pipeline([supabase, credits] as never, ((_request: Request, ctx: { credits: Credits }) => Promise.resolve(handle(ctx.credits)))) : pipeline([credits], (_request, ctx) => Promise.resolve(handle(ctx.credits)))
  const token = await auth.signToken({ sub: account.user })
  return { row, token, ask: (authorization = `Bearer ${token}`) => answer(new Request('http://localhost/paid', { method: 'POST', headers: { authorization } })) }
}

describe.each([
  ['alone', false],
  ['behind withSupabase()', true],
])('%s', (_where, isBehindSupabase) => {
  it('reserves before the handler and commits when the response has ended', async () => {
    let during: number | undefined
    const { row, ask } = await arrange(async () => ((during = await readUsed(database, row)), new Response('done')), isBehindSupabase)
    const response = await ask()
    expect([response.status, await response.text(), response.headers.get('Credits-Remaining')]).toEqual([200, 'done', 'ai=7'])
    expect([during, await readUsed(database, row)]).toEqual([3, 3])
  })

  it('commits what the handler says', async () => {
    const { row, ask } = await arrange((credits) => (credits.commit(1), new Response('done')), isBehindSupabase)
    await (await ask()).text()
    expect(await readUsed(database, row)).toBe(1)
  })

  it('refunds when the handler throws, and passes the error on', async () => {
    const { row, ask } = await arrange(() => Promise.reject(new Error('no')), isBehindSupabase)
    const answered = await ask().catch((error: unknown) => error)
    expect(answered instanceof Response ? answered.status : answered).toEqual(isBehindSupabase && answered instanceof Response ? 500 : new Error('no'))
    expect(await readUsed(database, row)).toBe(0)
  })

  it('refuses who has too little with 402, and whose token is bad with 401: the handler does not run', async () => {
    let ran = 0
    const { ask } = await arrange(() => ((ran += 1), new Response('done')), isBehindSupabase)
    for (let count = 0; count < 3; count += 1) await (await ask()).text()
    const refused = await ask()
    expect([refused.status, ((await refused.json()) as { type: string }).type]).toEqual([402, 'urn:problem-type:creditgate:insufficient-credits'])
    expect((await ask('Bearer e30.e30.AAAA')).status).toBe(401)
    expect(ran).toBe(3)
  })
})
