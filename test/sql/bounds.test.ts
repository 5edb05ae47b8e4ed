import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed, type Account } from '../support/seed.ts'
import { createScenes } from './scene.ts'

/** What a reserve may be refused for besides its amount, and one that holds nothing. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
  await database.query(assembleMigration({ maxOpenReservations: 3 }))
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

const reserveOf = (account: Account, overrides: Record<string, unknown> = {}) => ({ id: randomUUID(), user: account.user, amounts: { ai: 1 }, lease: 60, ...overrides })

async function arrange() {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  return { account, row }
}

describe('a bound on what is open at once', () => {
  const refused = { outcome: 'too_many_open', most: 3 }

  it('refuses one more, of that subscription alone, until one ends', async () => {
    const { account, row } = await arrange()
    const open = [reserveOf(account), reserveOf(account), reserveOf(account)]
    for (const request of open) expect(await call('reserve', request)).toMatchObject({ outcome: 'reserved' })
    expect(await call('reserve', reserveOf(account))).toMatchObject(refused)
    expect(await call('reserve', open[0] ?? {}), 'one that is open, asked again').toMatchObject({ outcome: 'reserved' })
    expect(await call('reserve', reserveOf((await arrange()).account))).toMatchObject({ outcome: 'reserved' })
    await call('commit', { id: open[0]?.id })
    expect(await call('reserve', reserveOf(account))).toMatchObject({ outcome: 'reserved' })
    await endLease(database, open[1]?.id ?? '')
    expect(await call('reserve', reserveOf(account)), 'a lease that is over counts no more').toMatchObject({ outcome: 'reserved' })
    expect(await call('reserve', reserveOf(account))).toMatchObject(refused)
    expect(await readUsed(database, row)).toBe(4)
  })

  it('holds in an array as well', async () => {
    const { account, row } = await arrange()
    const { account: other } = await arrange()
    // The first call on a row is answered by itself.
    for (const met of [reserveOf(account), reserveOf(other)]) {
      await call('reserve', met)
      await call('refund', { id: met.id })
    }
    const requests = [reserveOf(account), reserveOf(other), reserveOf(account), reserveOf(account), reserveOf(account), reserveOf(other)]
    const [answered] = await database.query<{ answer: { outcome: string }[] }>('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify(requests)])
    expect(answered?.answer.map(({ outcome }) => outcome)).toEqual(['reserved', 'reserved', 'reserved', 'reserved', 'too_many_open', 'reserved'])
    expect(await readUsed(database, row)).toBe(3)
  })
})

describe('a session', () => {
  async function arrangeSession() {
    const { account, row } = await arrange()
    const session = randomUUID()
    await database.query('insert into auth.users (id) values ($1) on conflict do nothing', [account.user])
    await database.query('insert into auth.sessions (id, user_id) values ($1, $2)', [session, account.user])
    return { account, row, session, reserve: () => call('reserve', reserveOf(account, { session })) }
  }

  it('that stands admits its user', async () => {
    const { reserve, row } = await arrangeSession()
    expect(await reserve()).toMatchObject({ outcome: 'reserved' })
    expect(await readUsed(database, row)).toBe(1)
  })

  it.each([
    ['was ended', 'delete from auth.sessions where user_id = $1'],
    ['is past its time', `update auth.sessions set not_after = now() - interval '1 second' where user_id = $1`],
    ['is of a user who is banned', `update auth.users set banned_until = now() + interval '1 hour' where id = $1`],
    ['is of a user who was deleted', 'update auth.users set deleted_at = now() where id = $1'],
  ])('that %s admits nobody', async (_what, end) => {
    const { reserve, account, row } = await arrangeSession()
    await database.query(end, [account.user])
    expect(await reserve()).toMatchObject({ outcome: 'session_over' })
    expect(await readUsed(database, row)).toBe(0)
  })

  it('of somebody else, or that is no UUID, admits nobody', async () => {
    const { session } = await arrangeSession()
    const { account } = await arrange()
    expect(await call('reserve', reserveOf(account, { session }))).toMatchObject({ outcome: 'session_over' })
    for (const wrong of ['x', 1, null]) expect(await call('reserve', reserveOf(account, { session: wrong }))).toMatchObject({ outcome: 'invalid' })
  })

  it('is looked up in an array as well', async () => {
    const { account, session } = await arrangeSession()
    const requests = [reserveOf(account), reserveOf(account, { session: randomUUID() }), reserveOf(account, { session })]
    const [answered] = await database.query<{ answer: { outcome: string }[] }>('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify(requests)])
    expect(answered?.answer.map(({ outcome }) => outcome)).toEqual(['reserved', 'session_over', 'reserved'])
  })
})

describe('a dry run', () => {
  it('answers as a reserve would, and holds nothing', async () => {
    const { account, row } = await arrange()
    expect(await call('reserve', reserveOf(account, { amounts: { ai: 30 }, dryRun: true }))).toMatchObject({ outcome: 'reserved', amounts: { ai: 30 }, balances: { ai: { remaining: 70 } } })
    expect(await call('reserve', reserveOf(account, { amounts: { ai: 101 }, dryRun: true }))).toMatchObject({ outcome: 'insufficient', required: 101, available: 100 })
    expect(await readUsed(database, row)).toBe(0)
    expect(await database.query('select from creditgate.reservations where user_id = $1', [account.user])).toEqual([])
  })

  it('holds nothing in an array either', async () => {
    const { account, row } = await arrange()
    const requests = [reserveOf(account, { amounts: { ai: 30 }, dryRun: true }), reserveOf(account, { amounts: { ai: 90 } })]
    const [answered] = await database.query<{ answer: { outcome: string }[] }>('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify(requests)])
    expect(answered?.answer.map(({ outcome }) => outcome)).toEqual(['reserved', 'reserved'])
    expect(await readUsed(database, row)).toBe(90)
  })
})
