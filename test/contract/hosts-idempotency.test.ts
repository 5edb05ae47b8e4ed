import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Credits, type Guard } from 'creditgate'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { HOSTS, type Ending, type Route, type SendOptions } from '../support/hosts.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** An Idempotency-Key on every host: one request of a key at a time, and one that is charged. */

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

const text = (status: number): Ending => ({ kind: 'text', status, body: 'text' })

describe.each(HOSTS)('on $name', (host) => {
  async function arrange(handle: (credits: Credits) => Ending | Promise<Ending>, route: Partial<Route> = {}) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted: 100 })
    await addCredits(database, account, { type: 'lead', allotted: 100 })
    let handled = 0
    const client = await host.serve(guard, {
      requires: [{ type: 'ai', amount: 10 }],
      handle: async (credits) => {
        handled += 1
        return handle(credits)
      },
      ...route,
    })
    const token = await auth.signToken({ sub: account.user })
    const send = async (options: SendOptions = {}) => {
      const response = await client.send(token, { kind: 'reads all' }, { ...options, headers: { 'Idempotency-Key': 'key-1', ...options.headers } })
      await guard.close() // a response is settled after it has been read
      return response
    }
    return { client, row, send, counted: () => handled }
  }

  const name = (problem: string) => ({ type: `urn:problem-type:creditgate:${problem}` })
  const readBody = (response: { body: string } | undefined) => JSON.parse(response?.body ?? '') as unknown

  it('a key that was charged is 409 and runs nothing', async () => {
    const { client, row, send, counted } = await arrange(() => text(200))
    expect(await send({ body: '{"rows":1}' })).toMatchObject({ status: 200 })
    const again = await send({ body: '{"rows":1}' })
    expect(again).toMatchObject({ status: 409 })
    expect(readBody(again)).toMatchObject(name('already-charged'))
    expect(again?.headers.has('Retry-After')).toBe(false)
    expect([counted(), await readUsed(database, row)]).toEqual([1, 10])
    await client.close()
  })

  it('a key whose request failed runs again', async () => {
    let status = 500
    const { client, row, send, counted } = await arrange(() => text(status))
    expect(await send()).toMatchObject({ status: 500 })
    status = 200
    expect(await send()).toMatchObject({ status: 200 })
    expect(await send()).toMatchObject({ status: 409 })
    expect([counted(), await readUsed(database, row)]).toEqual([2, 10])
    await client.close()
  })

  it('a key that is in flight is 409 with Retry-After', async () => {
    let finish: () => void = () => undefined
    let enter: () => void = () => undefined
    const entered = new Promise<void>((resolve) => (enter = resolve))
    const { client, row, send, counted } = await arrange(async () => {
      enter()
      await new Promise<void>((resolve) => (finish = resolve))
      return text(200)
    })
    const first = send()
    await entered
    const second = await client.send(await auth.signToken({ sub: await readUser(row) }), { kind: 'reads all' }, { headers: { 'Idempotency-Key': 'key-1' } })
    expect(second).toMatchObject({ status: 409 })
    expect(readBody(second)).toMatchObject(name('request-in-progress'))
    expect(Number(second?.headers.get('Retry-After'))).toBeGreaterThan(0)
    finish()
    expect(await first).toMatchObject({ status: 200 })
    expect([counted(), await readUsed(database, row)]).toEqual([1, 10])
    await client.close()
  })

  it.each<[string, SendOptions]>([
    ['query', { query: '?rows=2', body: '{"rows":1}' }],
    ['body', { body: '{"rows":2}' }],
  ])('a key used for another %s is 422', async (_what, other) => {
    const { client, row, send, counted } = await arrange(() => text(200))
    expect(await send({ body: '{"rows":1}' })).toMatchObject({ status: 200 })
    const reused = await send(other)
    expect(reused).toMatchObject({ status: 422 })
    expect(readBody(reused)).toMatchObject(name('idempotency-key-reused'))
    expect([counted(), await readUsed(database, row)]).toEqual([1, 10])
    await client.close()
  })

  it('other keys, and requests without one, are not affected', async () => {
    const { client, row, send, counted } = await arrange(() => text(200))
    for (const key of ['key-1', 'key-2']) expect(await send({ headers: { 'Idempotency-Key': key } })).toMatchObject({ status: 200 })
    expect([counted(), await readUsed(database, row)]).toEqual([2, 20])
    await client.close()
  })

  it('guards of different types on one route share the key', async () => {
    const { client, send, counted } = await arrange(() => text(200), { requires: [{ type: 'ai', amount: 10 }, { type: 'lead', amount: 1 }] })
    expect(await send()).toMatchObject({ status: 200 })
    expect(await send()).toMatchObject({ status: 409 })
    expect(counted()).toBe(1)
    await client.close()
  })

  it('a malformed key is 400, and so is none where the route requires one', async () => {
    const { client, send, counted } = await arrange(() => text(200), { requires: [{ type: 'ai', amount: 10, options: { idempotency: 'required' } }] })
    expect(await send({ headers: { 'Idempotency-Key': 'two words' } })).toMatchObject({ status: 400 })
    expect(await send({ headers: { 'Idempotency-Key': '' } })).toMatchObject({ status: 400 })
    expect(counted()).toBe(0)
    expect(await send()).toMatchObject({ status: 200 })
    await client.close()
  })
})

async function readUser(row: string): Promise<string> {
  const [found] = await database.query<{ userid: string }>('select s.userid from "UserProfileSubscription" s join "AICredits" c on c.subscriptionid = s.id where c.id = $1', [row])
  return found?.userid ?? ''
}
