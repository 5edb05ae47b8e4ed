import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Credits, type Guard, type RouteOptions } from 'creditgate'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { HOSTS, type Ending, type SendOptions } from '../support/hosts.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** A charged response under an Idempotency-Key comes again, the same on every host, and to nobody else. */

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

async function* createChunks(count: number): AsyncGenerator<string> {
  for (let sent = 1; sent <= count; sent += 1) {
    await Promise.resolve()
    yield `räksmörgås ${sent}\n`
  }
}

describe.each(HOSTS)('on $name', (host) => {
  async function arrange(handle: (credits: Credits) => Ending, options: RouteOptions = { replay: true }) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 100 })
    let handled = 0
    const client = await host.serve(guard, {
      requires: [{ type: 'ai', amount: 10, options }],
      handle: (credits) => {
        handled += 1
        return Promise.resolve(handle(credits))
      },
    })
    const token = await auth.signToken({ sub: account.user })
    const send = async (given: SendOptions = {}, as = token) => {
      const response = await client.send(as, { kind: 'reads all' }, { ...given, headers: { 'Idempotency-Key': 'key-1', ...given.headers } })
      await guard.close()
      return response
    }
    return { account, client, row, send, counted: () => handled }
  }

  it.each<[string, (run: string) => Ending]>([
    ['text', (run) => ({ kind: 'text', status: 201, body: `text ${run}` })],
    ['a stream', () => ({ kind: 'stream', chunks: createChunks(20) })],
    ['no body', () => ({ kind: 'text', status: 200, body: '' })],
  ])('%s comes again as it was, and the handler does not run', async (_what, answer) => {
    const { client, row, send, counted } = await arrange(() => answer(randomUUID()))
    const first = await send()
    expect(first?.headers.get('Idempotency-Replayed')).toBeNull()
    const again = await send()
    expect([again?.status, again?.body, again?.headers.get('Content-Type')]).toEqual([first?.status, first?.body, first?.headers.get('Content-Type')])
    expect(again?.headers.get('Idempotency-Replayed')).toBe('true')
    expect([counted(), await readUsed(database, row)]).toEqual([1, 10])
    await client.close()
  })

  it('a body that is too large is not kept: the key is charged, and that is all that is said', async () => {
    const { client, send, counted } = await arrange(() => ({ kind: 'stream', chunks: createChunks(20) }), { replay: { maxBytes: 100 } })
    expect(await send()).toMatchObject({ status: 200 })
    expect(await send()).toMatchObject({ status: 409 })
    expect(counted()).toBe(1)
    await client.close()
  })

  it('what failed runs again, and what then comes is kept', async () => {
    const answers = [{ kind: 'text', status: 500, body: 'no' }, { kind: 'text', status: 200, body: 'yes' }] as const
    let run = 0
    const { client, send, counted, row } = await arrange(() => answers[Math.min(run++, 1)] as Ending)
    expect(await send()).toMatchObject({ status: 500, body: 'no' })
    for (let count = 0; count < 3; count += 1) expect(await send()).toMatchObject({ status: 200, body: 'yes' })
    expect([counted(), await readUsed(database, row)]).toEqual([2, 10])
    await client.close()
  })

  it('another request, another key and another user do not get it', async () => {
    const { account, client, send, counted } = await arrange(() => ({ kind: 'text', status: 200, body: `text ${randomUUID()}` }))
    const first = await send({ body: '{"rows":1}' })
    expect(await send({ body: '{"rows":2}' })).toMatchObject({ status: 422 })
    const other = await send({ body: '{"rows":1}', headers: { 'Idempotency-Key': 'key-2' } })
    expect(other?.body).not.toBe(first?.body)
    const stranger = randomUUID()
    await database.query('update "UserProfileSubscription" set userid = $1 where id = $2', [stranger, account.subscription])
    expect(await send({ body: '{"rows":1}' }, await auth.signToken({ sub: stranger })), 'who has taken over the subscription').toMatchObject({ status: 409 })
    expect(counted()).toBe(2)
    await client.close()
  })
})
