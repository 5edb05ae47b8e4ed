import { describe, expect, it, vi } from 'vitest'
import { postgresLedger, type PostgresJsLike, type QueryableLike } from '../../../src/ledger/postgres-ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const refunded = { id, outcome: 'refunded' }
const rows = [{ answer: [refunded] }]
const pool = (query: QueryableLike['query']): QueryableLike => ({ query })
const rejecting = (error: unknown): QueryableLike =>
  pool(async () => {
    await Promise.resolve()
    throw error
  })

describe('over a pool', () => {
  it('asks by one statement with one value', async () => {
    const query = vi.fn<QueryableLike['query']>().mockResolvedValue({ rows })
    expect(await postgresLedger({ query }).refund([{ id }])).toEqual([refunded])
    expect(query).toHaveBeenCalledExactlyOnceWith('select public.creditgate_refund($1::text::jsonb) as answer', [JSON.stringify([{ id }])])
  })

  it('asks for the version without a value', async () => {
    const query = vi.fn<QueryableLike['query']>().mockResolvedValue({ rows: [{ answer: { version: 1, creditTypes: ['ai'] } }] })
    expect(await postgresLedger({ query }).version()).toEqual({ version: 1, creditTypes: ['ai'] })
    expect(query).toHaveBeenCalledExactlyOnceWith('select public.creditgate_version() as answer', [])
  })

  it('gives a statement of pg a time of its own, which PGlite would not know', async () => {
    const query = vi.fn().mockResolvedValue({ rows })
    await postgresLedger({ query, connect: () => undefined } as unknown as QueryableLike).refund([{ id }])
    expect(query).toHaveBeenCalledExactlyOnceWith({ text: 'select public.creditgate_refund($1::text::jsonb) as answer', values: [JSON.stringify([{ id }])], query_timeout: 10_000 })
  })

  it('keeps the pool as the receiver of its method', async () => {
    const own = {
      rows,
      query() {
        return Promise.resolve({ rows: this.rows })
      },
    }
    expect(await postgresLedger(own).refund([{ id }])).toEqual([refunded])
  })
})

it('asks a postgres.js client, which is a function', async () => {
  const unsafe = vi.fn<PostgresJsLike['unsafe']>().mockResolvedValue(rows)
  const client = Object.assign(() => expect.fail('called as a function'), { unsafe })
  expect(await postgresLedger(client).refund([{ id }])).toEqual([refunded])
  expect(unsafe).toHaveBeenCalledExactlyOnceWith('select public.creditgate_refund($1::text::jsonb) as answer', [JSON.stringify([{ id }])])
})

describe('an error of the database', () => {
  it.each([
    ['40P01', 'not-executed'],
    ['55P03', 'not-executed'],
    ['57014', 'not-executed'],
    ['53300', 'not-executed'],
    ['42883', 'set-up'],
    ['42501', 'set-up'],
    ['57P01', 'unknown'],
    ['ECONNREFUSED', 'unknown'],
    ['CONNECTION_CLOSED', 'unknown'],
  ])('%s is %s', async (code, kind) => {
    const cause = Object.assign(new Error('m'), { code })
    await expect(postgresLedger(rejecting(cause)).refund([{ id }])).rejects.toMatchObject({ name: 'LedgerFault', kind, code, cause })
  })

  it.each<[string, unknown, string]>([
    ['no code', new Error('Connection terminated unexpectedly'), 'Connection terminated unexpectedly'],
    ['a code that is a number', Object.assign(new Error('m'), { code: 42 }), 'm'],
    ['nothing but text', 'broken', 'broken'],
  ])('with %s is unknown', async (_case, error, message) => {
    await expect(postgresLedger(rejecting(error)).refund([{ id }])).rejects.toMatchObject({ kind: 'unknown', code: '', message })
  })

  it('thrown at once instead of rejected is unknown', async () => {
    const ledger = postgresLedger(
      pool(() => {
        throw new Error('Cannot use a pool after calling end on the pool')
      }),
    )
    await expect(ledger.refund([{ id }])).rejects.toMatchObject({ name: 'LedgerFault', kind: 'unknown' })
  })

  it.each<[string, unknown[]]>([
    ['no row', []],
    ['a row without an answer', [{}]],
    ['null', [{ answer: null }]],
  ])('%s is no answer', async (_case, answer) => {
    await expect(postgresLedger(pool(() => Promise.resolve({ rows: answer }))).refund([{ id }])).rejects.toMatchObject({ kind: 'unknown' })
  })
})

describe('a signal', () => {
  const forever = (): Promise<never> => new Promise(() => undefined)

  it('ends the waiting; the outcome is unknown', async () => {
    await expect(postgresLedger(pool(forever)).refund([{ id }], AbortSignal.timeout(20))).rejects.toMatchObject({ kind: 'unknown', code: 'timeout' })
  })

  it('that has fired already ends it at once', async () => {
    await expect(postgresLedger(pool(forever)).refund([{ id }], AbortSignal.abort())).rejects.toMatchObject({ kind: 'unknown', code: 'timeout' })
  })

  it('that fires first leaves no rejection unhandled when the statement fails later', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    let fail: (error: Error) => void = () => undefined
    const ledger = postgresLedger(pool(() => new Promise((_resolve, reject) => (fail = reject))))
    await expect(ledger.refund([{ id }], AbortSignal.timeout(10))).rejects.toMatchObject({ code: 'timeout' })
    fail(new Error('late'))
    await new Promise((resolve) => setTimeout(resolve, 10))
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })

  it('that does not fire is let go of', async () => {
    const { signal } = new AbortController()
    const remove = vi.spyOn(signal, 'removeEventListener')
    await postgresLedger(pool(() => Promise.resolve({ rows }))).refund([{ id }], signal)
    await new Promise((resolve) => setImmediate(resolve))
    expect(remove).toHaveBeenCalledTimes(1)
  })
})

it.each([{}, { query: 'select' }, { unsafe: true }, () => undefined])('refuses %o for a connection, and says what it takes', (queryable) => {
  expect(() => postgresLedger(queryable as QueryableLike)).toThrow(TypeError)
  expect(() => postgresLedger(queryable as QueryableLike)).toThrow(/pg pool/)
})

it.each([undefined, null, 'postgresql://127.0.0.1'])('refuses %o for a connection', (queryable) => {
  expect(() => postgresLedger(queryable as unknown as QueryableLike)).toThrow(TypeError)
})
