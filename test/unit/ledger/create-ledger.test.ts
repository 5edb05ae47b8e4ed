import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { createLedger, type Call } from '../../../src/ledger/create-ledger.ts'
import { LedgerFault } from '../../../src/ledger/fault.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'

const answering = (raw: unknown): Ledger => createLedger(() => Promise.resolve(raw))
const id = '0198f6b4-0000-7000-8000-000000000000'
const request = { id, user: 'u', amounts: { ai: 2 }, lease: 60 }
const balances = { ai: { remaining: 98, resetsIn: null, resetsAt: null } }
const reserved = { id, outcome: 'reserved', subscription: 's', amounts: { ai: 2 }, balances }

const ANSWERS = {
  reserve: [
    reserved,
    { id, outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: '2026-12-01T00:00:00Z' },
    { id, outcome: 'no_subscription' },
    { id, outcome: 'conflict', state: 'open' },
    { id, outcome: 'committed', amounts: { ai: 2 } },
    { id, outcome: 'refunded' },
    { id, outcome: 'expired' },
    { id, outcome: 'invalid', reason: 'r' },
    { id, outcome: 'failed', code: '55P03' },
  ],
  commit: [
    { id, outcome: 'committed', amounts: { ai: 0 } },
    { id, outcome: 'refunded' },
    { id, outcome: 'expired' },
    { id, outcome: 'exceeds', amounts: { ai: 2 } },
    { id, outcome: 'conflict', state: 'committed', amounts: { ai: 1 } },
    { id, outcome: 'not_found' },
    { id, outcome: 'invalid', reason: 'r' },
    { id, outcome: 'failed', code: '55P03' },
  ],
  refund: [
    { id, outcome: 'refunded' },
    { id, outcome: 'committed', amounts: { ai: 2 } },
    { id, outcome: 'expired' },
    { id, outcome: 'not_found' },
    { id, outcome: 'invalid', reason: 'r' },
    { id, outcome: 'failed', code: '55P03' },
  ],
  extend: [
    { id, outcome: 'extended', reported: null },
    { id, outcome: 'extended', reported: { ai: 1 } },
    { id, outcome: 'committed', amounts: { ai: 2 } },
    { id, outcome: 'refunded' },
    { id, outcome: 'expired' },
    { id, outcome: 'exceeds', amounts: { ai: 2 } },
    { id, outcome: 'not_found' },
    { id, outcome: 'invalid', reason: 'r' },
    { id, outcome: 'failed', code: '55P03' },
  ],
} as const
const OPERATIONS = Object.keys(ANSWERS) as (keyof typeof ANSWERS)[]

describe.each(OPERATIONS)('%s', (operation) => {
  it.each<object>([...ANSWERS[operation]])('believes %o', async (answer) => {
    expect(await answering([answer])[operation]([request])).toEqual([answer])
  })

  it.each<object>([...ANSWERS[operation]])('believes no part of %o', async (answer) => {
    for (const key of Object.keys(answer)) {
      const part = Object.fromEntries(Object.entries(answer).filter(([name]) => name !== key))
      const optional = key === 'amounts' && 'outcome' in answer && answer.outcome === 'conflict'
      if (optional) expect(await answering([part])[operation]([request])).toEqual([part])
      else await expect(answering([part])[operation]([request])).rejects.toMatchObject({ kind: 'unknown' })
    }
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['an empty list', []],
    ['an empty object', {}],
    ['a single answer outside of a list', ANSWERS[operation][0]],
    ['HTML', '<html><body>502 Bad Gateway</body></html>'],
    ['an answer as text', JSON.stringify([ANSWERS[operation][0]])],
    ['one answer too many', [ANSWERS[operation][0], ANSWERS[operation][0]]],
    ['a null in the list', [null]],
    ["another reservation's answer", [{ ...ANSWERS[operation][0], id: '0198f6b4-0000-7000-8000-000000000001' }]],
    ['an answer without an id', [{ ...ANSWERS[operation][0], id: undefined }]],
    ['an outcome that does not exist', [{ ...ANSWERS[operation][0], outcome: 'done' }]],
    ['an error object', { code: '55P03', message: 'm' }],
  ])('takes %s for no answer', async (_case, raw) => {
    const asking = answering(raw)[operation]([request])
    await expect(asking).rejects.toBeInstanceOf(LedgerFault)
    await expect(asking).rejects.toMatchObject({ kind: 'unknown', code: 'bad-answer' })
  })

  it('takes anything else for no answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (raw) => {
        await expect(answering(raw)[operation]([request])).rejects.toMatchObject({ kind: 'unknown' })
      }),
      { numRuns: 50 },
    )
  })
})

describe('an answer to reserve', () => {
  it.each<[string, object]>([
    ['an amount that is no whole number', { amounts: { ai: 1.5 } }],
    ['an amount below 0', { amounts: { ai: -1 } }],
    ['an amount as text', { amounts: { ai: '2' } }],
    ['a balance without a remainder', { balances: { ai: { resetsIn: null, resetsAt: null } } }],
    ['a remainder as text', { balances: { ai: { ...balances.ai, remaining: '98' } } }],
  ])('is none with %s', async (_case, wrong) => {
    await expect(answering([{ ...reserved, ...wrong }]).reserve([request])).rejects.toMatchObject({ kind: 'unknown' })
  })

  it('may hold what a later version of the schema adds, and drops it', async () => {
    expect(await answering([{ ...reserved, later: 1 }]).reserve([request])).toEqual([reserved])
  })
})

describe('a call', () => {
  it('names the function and hands on the requests and the signal', async () => {
    const call = vi.fn<Call>().mockResolvedValue([reserved])
    const { signal } = new AbortController()
    await createLedger(call).reserve([request], signal)
    expect(call).toHaveBeenCalledExactlyOnceWith('creditgate_reserve', [request], signal)
  })

  it('for nothing asks nothing', async () => {
    expect(await createLedger(() => expect.fail('called')).commit([])).toEqual([])
  })

  it('brings its answers in the order of the requests', async () => {
    const ids = ['a', 'b', 'c']
    const answer = (of: string) => ({ id: of, outcome: 'refunded' })
    const requests = ids.map((of) => ({ id: of }))
    expect(await answering(ids.map(answer)).refund(requests)).toEqual(ids.map(answer))
    await expect(answering(ids.toReversed().map(answer)).refund(requests)).rejects.toMatchObject({ kind: 'unknown' })
    await expect(answering(ids.slice(1).map(answer)).refund(requests)).rejects.toMatchObject({ kind: 'unknown' })
  })

  it('rejects as the connection does', async () => {
    const fault = new LedgerFault('not-executed', '40P01', 'deadlock detected')
    await expect(createLedger(() => Promise.reject(fault)).reserve([request])).rejects.toBe(fault)
  })
})

describe('the version', () => {
  it('is believed in its full shape', async () => {
    const call = vi.fn<Call>().mockResolvedValue({ version: 1, creditTypes: ['ai'] })
    expect(await createLedger(call).version()).toEqual({ version: 1, creditTypes: ['ai'] })
    expect(call).toHaveBeenCalledExactlyOnceWith('creditgate_version', undefined, undefined)
  })

  it.each([undefined, null, 1, {}, { version: 1 }, { version: '1', creditTypes: [] }, [{ version: 1, creditTypes: [] }], '<html>'])('is none as %o', async (raw) => {
    await expect(answering(raw).version()).rejects.toMatchObject({ kind: 'unknown', code: 'bad-answer' })
  })
})
