import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed, type Account } from '../support/seed.ts'

/** Requests that stand in columns: test/property/arrays shows that they mean what objects mean; here, how they are answered. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())

type Answer = { outcome: string } & Record<string, unknown>
type Columns = { ids: string[] } & Record<string, unknown[]>

async function call(operation: string, requests: object): Promise<Answer> {
  const [row] = await database.query<{ answer: Answer }>(`select public.creditgate_${operation}($1::text::jsonb) as answer`, [JSON.stringify(requests)])
  return row?.answer as Answer
}

/** With a row that has been spent from before. */
async function createFunded(allotted = 100): Promise<Account & { readonly row: string }> {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted })
  const id = randomUUID()
  await call('reserve', [{ id, user: account.user, amounts: { ai: 1 }, lease: 60 }])
  await call('refund', [{ id }])
  return { ...account, row }
}

/** One element each for these accounts. */
function ask(accounts: readonly Account[], more: Partial<Record<string, unknown[]>> = {}): Columns {
  return { ids: accounts.map(() => randomUUID()), users: accounts.map(({ user }) => user), creditTypes: accounts.map(() => 'ai'), amounts: accounts.map(() => 2), leases: accounts.map(() => 60), ...more }
}

const settling = ({ ids, users, creditTypes, amounts }: Columns, more: object = {}) => ({ ids, users, creditTypes, amounts, ...more })

describe('reserves in columns', () => {
  it('that succeed are answered in columns', async () => {
    const [one, other] = [await createFunded(), await createFunded()]
    await database.query('update "AICredits" set allotted = null where id = $1', [other.row])
    await database.query(`update "AICredits" set resetindays = 30, cyclestart = now() where id = $1`, [one.row])
    const requests = ask([one, other, one], { keys: ['a', null, null], fingerprints: ['f', null, null], amounts: [2, 3, 0] })
    const moment = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/) as unknown
    const month = expect.closeTo(30 * 86_400, -2) as unknown
    expect(await call('reserve', requests)).toEqual({
      outcome: 'reserved', ids: requests.ids, subscriptions: [one, other, one].map(({ subscription }) => subscription), remaining: [98, null, 98], resetsIn: [month, null, month], resetsAt: [moment, null, moment], rest: {},
    })
    expect([await readUsed(database, one.row), await readUsed(database, other.row)]).toEqual([2, 3])
    expect(await database.query('select amounts, idempotency_key, fingerprint from creditgate.reservations where id = $1', [requests.ids[0]])).toEqual([{ amounts: { ai: 2 }, idempotency_key: 'a', fingerprint: 'f' }])
  })

  it('that do not succeed, or need more than one pass, are answered in the rest, by their places', async () => {
    const [one, poor, keyed, late, fresh] = [await createFunded(), await createFunded(1), await createFunded(), await createFunded(), await createAccount(database)]
    await addCredits(database, fresh)
    await call('reserve', ask([keyed], { keys: ['a'], fingerprints: ['f'] }))
    const held = ask([late])
    await call('reserve', held)
    await endLease(database, held.ids[0] ?? '')
    const nobody = { user: randomUUID(), subscription: '' }
    const accounts = [one, poor, keyed, late, fresh, nobody, one]
    const requests = ask(accounts, { keys: [null, null, 'a', null, null, null, null], fingerprints: [null, null, 'f', null, null, null, null], creditTypes: ['ai', 'ai', 'ai', 'ai', 'ai', 'ai', 'lead'], amounts: [2, 2, 2, 2, 2, 2, 0] })
    const at = (place: number, answer: object) => ({ id: requests.ids[place], ...answer })
    expect(await call('reserve', requests)).toMatchObject({
      outcome: 'reserved',
      ids: requests.ids.map((id, place) => (place === 0 ? id : null)),
      remaining: [98, null, null, null, null, null, null],
      rest: {
        1: at(1, { outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }),
        2: at(2, { outcome: 'in_progress' }),
        3: at(3, { outcome: 'reserved', subscription: late.subscription, amounts: { ai: 2 }, balances: { ai: { remaining: 98 } } }),
        4: at(4, { outcome: 'reserved', subscription: fresh.subscription }),
        5: at(5, { outcome: 'no_subscription' }),
        6: at(6, { outcome: 'reserved', amounts: { lead: 0 }, balances: {} }),
      },
    })
  })

  it('may be one', async () => {
    const account = await createFunded()
    const requests = ask([account])
    expect(await call('reserve', requests)).toMatchObject({ outcome: 'reserved', ids: requests.ids, rest: {} })
  })
})

describe('settlements in columns', () => {
  it('that succeed are answered in columns: whole commits, parts, refunds', async () => {
    const [one, other] = [await createFunded(), await createFunded()]
    const requests = ask([one, other, one, other])
    await call('reserve', requests)
    const [kept, given] = [ask([one, other], { ids: requests.ids.slice(0, 2), amounts: [2, 1] }), ask([one, other], { ids: requests.ids.slice(2) })]
    expect(await call('commit', settling(kept))).toEqual({ outcome: 'committed', ids: kept.ids, rest: {} })
    expect(await call('refund', { ids: given.ids, users: given['users'] })).toEqual({ outcome: 'refunded', ids: given.ids, rest: {} })
    expect([await readUsed(database, one.row), await readUsed(database, other.row)]).toEqual([2, 1])
  })

  it('of what has ended, was asked twice or exceeds what is reserved are answered in the rest', async () => {
    const account = await createFunded()
    const requests = ask([account, account, account])
    await call('reserve', requests)
    const [first, second, third] = requests.ids as [string, string, string]
    expect(await call('refund', { ids: [second], users: [account.user] })).toMatchObject({ ids: [second] })
    const places = ask([account, account, account, account], { ids: [first, second, third, first], amounts: [2, 2, 3, 2] })
    expect(await call('commit', settling(places))).toEqual({
      outcome: 'committed',
      ids: [null, null, null, null],
      rest: {
        0: { id: first, outcome: 'committed', amounts: { ai: 2 } },
        1: { id: second, outcome: 'refunded' },
        2: { id: third, outcome: 'exceeds', amounts: { ai: 2 } },
        3: { id: first, outcome: 'committed', amounts: { ai: 2 } },
      },
    })
  })

  it('are one by one where one is not known', async () => {
    const account = await createFunded()
    const requests = ask([account, account])
    await call('reserve', ask([account], { ids: requests.ids.slice(0, 1) }))
    expect(await call('commit', settling(requests))).toMatchObject([{ outcome: 'committed' }, { outcome: 'not_found' }])
    expect(await call('refund', { ids: requests.ids, users: requests['users'] })).toMatchObject([{ outcome: 'committed' }, { outcome: 'refunded' }])
  })
})

describe('what is malformed in a column', () => {
  it.each<[string, Partial<Record<string, unknown[]>>, string]>([
    ['an id that is none', { ids: ['i', randomUUID()] }, 'invalid'],
    ['an id that is null', { ids: [null, randomUUID()] }, 'invalid'],
    ['a user who is none', { users: ['nobody', 'other'] }, 'invalid'],
    ['no users', { users: [] }, 'invalid'],
    ['a type that is not known', { creditTypes: ['gold', 'ai'] }, 'invalid'],
    ['a type that is null', { creditTypes: [null, 'ai'] }, 'invalid'],
    ['an amount below 0', { amounts: [-1, 1] }, 'invalid'],
    ['an amount in text', { amounts: ['1', 1] }, 'invalid'],
    ['an amount that is no whole number', { amounts: [0.5, 1] }, 'invalid'],
    ['an amount past what a table holds', { amounts: [2_147_483_648, 1] }, 'invalid'],
    ['a lease of nothing', { leases: [0, 60] }, 'invalid'],
    ['a lease that is too long', { leases: [901, 60] }, 'invalid'],
    ['a lease in text', { leases: ['60', 60] }, 'invalid'],
    ['a column that is too short', { leases: [] }, 'invalid'],
    ['an empty key', { keys: ['', null], fingerprints: ['f', null] }, 'invalid'],
    ['a key that is a number', { keys: [1, null], fingerprints: ['f', null] }, 'invalid'],
    ['a key without its fingerprint', { keys: ['k', null], fingerprints: [null, null] }, 'invalid'],
    ['a fingerprint without its key', { keys: [null, null], fingerprints: ['f', null] }, 'invalid'],
  ])('is refused for its element alone: %s', async (_what, wrong, outcome) => {
    const account = await createFunded()
    const answers = (await call('reserve', ask([account, account], wrong))) as unknown as Answer[]
    expect(answers[0]).toMatchObject({ outcome })
    expect(await readUsed(database, account.row)).toBe(answers.filter((answer) => answer.outcome === 'reserved').reduce((sum, { amounts }) => sum + (amounts as { ai: number }).ai, 0))
  })

  it.each<[string, string, object]>([
    ['no columns', 'reserve', {}],
    ['ids that are no list', 'reserve', { ids: 'i' }],
    ['no ids', 'reserve', { ids: [] }],
    ['too many ids', 'reserve', { ids: Array.from({ length: 1001 }, () => randomUUID()) }],
    ['columns of what takes none', 'extend', { ids: [randomUUID()], leases: [60] }],
  ])('is refused altogether: %s', async (_what, operation, requests) => {
    await expect(call(operation, requests)).rejects.toMatchObject({ code: '22023', message: expect.stringContaining('1 to 1000 requests') as unknown })
  })

  it('a column that is no list is refused altogether, and nothing is done', async () => {
    const account = await createFunded()
    await expect(call('reserve', { ...ask([account]), amounts: 2 })).rejects.toMatchObject({ code: '22023' })
    expect(await readUsed(database, account.row)).toBe(0)
  })
})

it('a subscription in other hands fails alone, in the rest', async () => {
  const [stuck, free] = [await createFunded(), await createFunded()]
  const client = await database.pool.connect()
  try {
    await client.query('begin')
    await client.query('select creditgate.lock_subscription($1)', [stuck.subscription])
    const requests = ask([stuck, free])
    expect(await call('reserve', requests)).toMatchObject({ ids: [null, requests.ids[1]], rest: { 0: { id: requests.ids[0], outcome: 'failed', code: '55P03' } } })
  } finally {
    await client.query('rollback')
    client.release()
  }
})
