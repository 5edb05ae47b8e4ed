import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** Responses that are kept with their commit, for the next request under the same key. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

const response = { status: 201, headers: { 'content-type': 'text/plain', location: '/a/1' }, body: Buffer.from('räksmörgås \0 and more, so that base64 needs a second line of it: 0123456789').toString('base64') }

async function arrange(commit: Record<string, unknown> = { response }) {
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 100 })
  const idempotency = { key: randomUUID(), fingerprint: 'f' }
  const attempt = (overrides: Record<string, unknown> = {}) => call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 60, idempotency, ...overrides })
  const id = randomUUID()
  expect(await attempt({ id })).toMatchObject({ outcome: 'reserved' })
  expect(await call('commit', { id, user: account.user, amounts: { ai: 10 }, ...commit })).toMatchObject({ outcome: 'committed' })
  return { account, id, attempt }
}

const count = async () => (await database.query<{ count: number }>('select count(*)::int as count from creditgate.responses'))[0]?.count

it('comes back as it was, byte for byte', async () => {
  const { id, attempt } = await arrange()
  expect(await attempt()).toMatchObject({ outcome: 'already_charged', reservation: id, response })
})

it('is not sent to another user of the same subscription', async () => {
  const { account, attempt } = await arrange()
  const other = randomUUID()
  await database.query(`insert into auth.users (id) values ($1)`, [other])
  await database.query(`update "UserProfileSubscription" set userid = $1 where id = $2`, [other, account.subscription])
  const answer = await attempt({ user: other })
  expect(answer).toMatchObject({ outcome: 'already_charged' })
  expect(answer).not.toHaveProperty('response')
})

it('is not sent for another request under the same key', async () => {
  const { attempt } = await arrange()
  const answer = await attempt({ idempotency: { key: 'x', fingerprint: 'f' } })
  expect(answer).toMatchObject({ outcome: 'reserved' })
})

it('is not sent after 24 hours, and the sweep deletes it', async () => {
  const { id, attempt } = await arrange()
  await database.query(`update creditgate.responses set stored_at = stored_at - interval '23 hours 59 minutes' where reservation_id = $1`, [id])
  expect(await attempt()).toHaveProperty('response')
  await call('sweep', {})
  const before = await count()
  await database.query(`update creditgate.responses set stored_at = stored_at - interval '1 minute' where reservation_id = $1`, [id])
  expect(await attempt()).not.toHaveProperty('response')
  await call('sweep', {})
  expect(await count()).toBe((before ?? 0) - 1)
})

it('goes with its reservation when that is pruned', async () => {
  const { id } = await arrange()
  await database.query(`update creditgate.reservations set ended_at = ended_at - interval '91 days' where id = $1`, [id])
  await call('prune', {})
  expect(await database.query('select from creditgate.responses where reservation_id = $1', [id])).toEqual([])
})

it('is kept once, with the first commit', async () => {
  const { id, attempt } = await arrange()
  expect(await call('commit', { id, amounts: { ai: 10 }, response: { ...response, status: 500 } })).toMatchObject({ outcome: 'committed' })
  expect(await attempt()).toMatchObject({ response: { status: 201 } })
})

it('is not kept with a commit that is refused, nor where no key was given', async () => {
  const before = await count()
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 100 })
  const id = randomUUID()
  await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60, idempotency: { key: 'k', fingerprint: 'f' } })
  expect(await call('commit', { id, amounts: { ai: 11 }, response })).toMatchObject({ outcome: 'exceeds' })
  const keyless = randomUUID()
  await call('reserve', { id: keyless, user: account.user, amounts: { ai: 10 }, lease: 60 })
  expect(await call('commit', { id: keyless, response })).toMatchObject({ outcome: 'committed' })
  expect(await count()).toBe(before)
})

it.each([null, {}, 'text', { ...response, status: 99 }, { ...response, status: '2000' }, { ...response, headers: [] }, { ...response, headers: { a: 1 } }, { ...response, body: 'no base64!' }, { ...response, body: 'abc' }])(
  'is refused with its commit when it is none: %o',
  async (wrong) => {
    const account = await createAccount(database)
    await addCredits(database, account, { allotted: 100 })
    const id = randomUUID()
    await call('reserve', { id, user: account.user, amounts: { ai: 10 }, lease: 60, idempotency: { key: 'k', fingerprint: 'f' } })
    expect(await call('commit', { id, response: wrong })).toMatchObject({ outcome: 'invalid' })
    expect(await call('refund', { id })).toMatchObject({ outcome: 'refunded' })
  },
)

it('travels in an array with others', async () => {
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 100 })
  const keys = ['a', 'b'].map((key) => ({ id: randomUUID(), user: account.user, amounts: { ai: 1 }, lease: 60, idempotency: { key, fingerprint: 'f' } }))
  const ask = async (operation: string, requests: object[]) => (await database.query<{ answer: { outcome: string }[] }>(`select public.creditgate_${operation}($1::jsonb) as answer`, [JSON.stringify(requests)]))[0]?.answer
  expect((await ask('reserve', keys))?.map(({ outcome }) => outcome)).toEqual(['reserved', 'reserved'])
  expect((await ask('commit', [{ id: keys[0]?.id, amounts: { ai: 1 }, response }, { id: keys[1]?.id, amounts: { ai: 1 } }]))?.map(({ outcome }) => outcome)).toEqual(['committed', 'committed'])
  const again = await ask('reserve', keys.map((each) => ({ ...each, id: randomUUID() })))
  expect(again).toMatchObject([{ outcome: 'already_charged', response }, { outcome: 'already_charged' }])
})
