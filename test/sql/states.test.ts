import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes, type State } from './scene.ts'

/** Each cell of the table of states: one operation on a reservation in one state, through the entry points. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())

const { call, arrange } = createScenes(() => database)

/** [state, operation's answer, what is used of the row afterwards] */
type Cell = readonly [state: State, expected: Record<string, unknown>, used: number]

describe('reserve, the same request', () => {
  it.each<Cell>([
    ['no row', { outcome: 'reserved', amounts: { ai: 10 } }, 10],
    ['open', { outcome: 'reserved', amounts: { ai: 10 } }, 10],
    ['lease over', { outcome: 'expired' }, 0],
    ['lease over, 3 reported', { outcome: 'committed', amounts: { ai: 3 } }, 3],
    ['committed', { outcome: 'committed', amounts: { ai: 4 } }, 4],
    ['refunded', { outcome: 'refunded' }, 0],
    ['expired', { outcome: 'expired' }, 0],
    ['tombstone', { outcome: 'refunded' }, 0],
  ])('on %s answers %o', async (state, expected, used) => {
    const { id, row, request } = await arrange(state)
    const first = await call('reserve', request)
    expect(first).toMatchObject({ id, ...expected })
    expect(await call('reserve', request)).toEqual(first)
    expect(await readUsed(database, row)).toBe(used)
  })

  it('on no row without enough credits answers insufficient and writes nothing', async () => {
    const { id, row, request } = await arrange('no row')
    const expected = { outcome: 'insufficient', creditType: 'ai', required: 101, available: 100, resetsAt: null }
    expect(await call('reserve', { ...request, amounts: { ai: 101 } })).toEqual({ id, ...expected })
    expect(await database.query('select from creditgate.reservations where id = $1', [id])).toEqual([])
    expect(await readUsed(database, row)).toBe(0)
  })
})

describe('reserve, another request', () => {
  it.each<Cell>([
    ['open', { outcome: 'conflict', state: 'open' }, 10],
    ['lease over', { outcome: 'conflict' }, 0],
    ['committed', { outcome: 'conflict', state: 'committed' }, 4],
    ['refunded', { outcome: 'conflict', state: 'refunded' }, 0],
    ['expired', { outcome: 'conflict', state: 'expired' }, 0],
  ])('on %s answers %o', async (state, expected, used) => {
    const { row, request } = await arrange(state)
    expect(await call('reserve', { ...request, amounts: { ai: 11 } })).toMatchObject(expected)
    expect(await call('reserve', { ...request, amounts: { lead: 10 } })).toMatchObject(expected)
    const stranger = await createAccount(database)
    expect(await call('reserve', { ...request, user: stranger.user })).toMatchObject(expected)
    expect(await readUsed(database, row)).toBe(used)
  })
})

describe('commit', () => {
  it.each<Cell>([
    ['no row', { outcome: 'not_found' }, 0],
    ['open', { outcome: 'committed', amounts: { ai: 4 } }, 4],
    ['lease over', { outcome: 'expired' }, 0],
    ['lease over, 3 reported', { outcome: 'conflict', state: 'committed', amounts: { ai: 3 } }, 3],
    ['committed', { outcome: 'committed', amounts: { ai: 4 } }, 4],
    ['refunded', { outcome: 'refunded' }, 0],
    ['expired', { outcome: 'expired' }, 0],
    ['tombstone', { outcome: 'refunded' }, 0],
  ])('of 4 on %s answers %o', async (state, expected, used) => {
    const { id, row } = await arrange(state)
    const first = await call('commit', { id, amounts: { ai: 4 } })
    expect(first).toMatchObject({ id, ...expected })
    expect(await call('commit', { id, amounts: { ai: 4 } })).toEqual(first)
    expect(await readUsed(database, row)).toBe(used)
  })

  it('of more than was reserved answers exceeds and leaves it open', async () => {
    const { id, row } = await arrange('open')
    expect(await call('commit', { id, amounts: { ai: 11 } })).toEqual({ id, outcome: 'exceeds', amounts: { ai: 10 } })
    expect(await readUsed(database, row)).toBe(10)
    expect(await call('commit', { id })).toMatchObject({ outcome: 'committed', amounts: { ai: 10 } })
  })

  it('of another amount on committed answers conflict with the amount that stands', async () => {
    const { id, row } = await arrange('committed')
    expect(await call('commit', { id, amounts: { ai: 5 } })).toEqual({ id, outcome: 'conflict', state: 'committed', amounts: { ai: 4 } })
    expect(await call('commit', { id })).toMatchObject({ outcome: 'conflict' })
    expect(await readUsed(database, row)).toBe(4)
  })

  it('of 0 is a commit', async () => {
    const { id, row } = await arrange('open')
    expect(await call('commit', { id, amounts: 0 })).toEqual({ id, outcome: 'committed', amounts: { ai: 0 } })
    expect(await readUsed(database, row)).toBe(0)
  })
})

describe('refund', () => {
  it.each<Cell>([
    ['no row', { outcome: 'refunded' }, 0],
    ['open', { outcome: 'refunded' }, 0],
    ['lease over', { outcome: 'expired' }, 0],
    ['lease over, 3 reported', { outcome: 'committed', amounts: { ai: 3 } }, 3],
    ['committed', { outcome: 'committed', amounts: { ai: 4 } }, 4],
    ['refunded', { outcome: 'refunded' }, 0],
    ['expired', { outcome: 'expired' }, 0],
    ['tombstone', { outcome: 'refunded' }, 0],
  ])('on %s answers %o', async (state, expected, used) => {
    const { id, row, request } = await arrange(state)
    const first = await call('refund', { id })
    expect(first).toMatchObject({ id, ...expected })
    expect(await call('refund', { id })).toEqual(first)
    expect(await readUsed(database, row)).toBe(used)
    // Whatever it was, a reserve that arrives only now holds nothing.
    expect(await call('reserve', request)).not.toMatchObject({ outcome: 'reserved' })
    expect(await readUsed(database, row)).toBe(used)
  })
})

describe('extend', () => {
  it.each<Cell>([
    ['no row', { outcome: 'not_found' }, 0],
    ['open', { outcome: 'extended', reported: { ai: 5 } }, 10],
    ['lease over', { outcome: 'expired' }, 0],
    ['lease over, 3 reported', { outcome: 'committed', amounts: { ai: 3 } }, 3],
    ['committed', { outcome: 'committed', amounts: { ai: 4 } }, 4],
    ['refunded', { outcome: 'refunded' }, 0],
    ['expired', { outcome: 'expired' }, 0],
    ['tombstone', { outcome: 'refunded' }, 0],
  ])('with 5 reported on %s answers %o', async (state, expected, used) => {
    const { id, row } = await arrange(state)
    const first = await call('extend', { id, lease: 60, reported: { ai: 5 } })
    expect(first).toMatchObject({ id, ...expected })
    expect(await call('extend', { id, lease: 60, reported: { ai: 5 } })).toEqual(first)
    expect(await readUsed(database, row)).toBe(used)
  })

  it('sets the lease from now and never adds to it', async () => {
    const { id } = await arrange('open')
    await call('extend', { id, lease: 600 })
    await call('extend', { id, lease: 30 })
    const [row] = await database.query<{ seconds: number }>(
      'select extract(epoch from lease_until - clock_timestamp())::float as seconds from creditgate.reservations where id = $1',
      [id],
    )
    expect(row?.seconds).toBeGreaterThan(20)
    expect(row?.seconds).toBeLessThanOrEqual(30)
  })

  it('leaves a longer lease as it is when it is to last at least so long', async () => {
    const { id } = await arrange('open')
    const readSeconds = async () => Number((await database.query<{ seconds: string }>('select extract(epoch from lease_until - clock_timestamp()) as seconds from creditgate.reservations where id = $1', [id]))[0]?.seconds)
    await call('extend', { id, lease: 600 })
    expect(await call('extend', { id, lease: 30, atLeast: true, reported: { ai: 2 } })).toMatchObject({ outcome: 'extended', reported: { ai: 2 } })
    expect(await readSeconds()).toBeGreaterThan(590)
    await call('extend', { id, lease: 700, atLeast: true })
    expect(await readSeconds()).toBeGreaterThan(690)
    await call('extend', { id, lease: 30, atLeast: false })
    expect(await readSeconds()).toBeLessThanOrEqual(30)
  })

  it('never lowers what was reported, and keeps it when nothing is reported', async () => {
    const { id } = await arrange('open')
    expect(await call('extend', { id, lease: 60, reported: { ai: 7 } })).toMatchObject({ reported: { ai: 7 } })
    expect(await call('extend', { id, lease: 60, reported: { ai: 2 } })).toMatchObject({ reported: { ai: 7 } })
    expect(await call('extend', { id, lease: 60 })).toMatchObject({ reported: { ai: 7 } })
  })

  it('with more reported than reserved answers exceeds and writes nothing', async () => {
    const { id, row } = await arrange('open')
    expect(await call('extend', { id, lease: 60, reported: { ai: 11 } })).toEqual({ id, outcome: 'exceeds', amounts: { ai: 10 } })
    await endLease(database, id)
    expect(await call('refund', { id })).toMatchObject({ outcome: 'expired' })
    expect(await readUsed(database, row)).toBe(0)
  })
})

describe('expire', () => {
  it.each<readonly [State, boolean, string | undefined, number]>([
    ['no row', false, undefined, 0],
    ['open', false, 'open', 10],
    ['lease over', true, 'expired', 0],
    ['lease over, 3 reported', true, 'committed', 3],
    ['committed', false, 'committed', 4],
    ['refunded', false, 'refunded', 0],
    ['expired', false, 'expired', 0],
    ['tombstone', false, 'refunded', 0],
  ])('on %s ends it: %s, state %s', async (state, ends, after, used) => {
    const { id, row } = await arrange(state)
    const expired = await database.query<{ ended: boolean }>('select creditgate.expire(r) as ended from creditgate.reservations r where id = $1', [id])
    expect(expired[0]?.ended ?? false).toBe(ends)
    const [reservation] = await database.query<{ state: string }>('select state from creditgate.reservations where id = $1', [id])
    expect(reservation?.state).toBe(after)
    expect(await readUsed(database, row)).toBe(used)
  })
})

it('the same reserve again is answered on a connection that has never drawn anything', async () => {
  const { request } = await arrange('open')
  // plpgsql looks at values that an expression does not use, while it still plans it anew for each call.
  const client = new pg.Client(database.url)
  await client.connect()
  const { rows } = await client.query<{ answer: object[] }>('select public.creditgate_reserve($1::jsonb) as answer', [JSON.stringify([request])])
  await client.end()
  expect(rows[0]?.answer).toMatchObject([{ outcome: 'reserved', amounts: { ai: 10 } }])
})
