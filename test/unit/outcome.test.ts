import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Amounts } from '../../src/ledger/ledger.ts'
import { createSettleBy, decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from '../../src/outcome.ts'

const refund: Settlement = { outcome: 'refund' }
const ai = (amount: number): Amounts => ({ ai: amount })
const commit = (amount: number): Settlement => ({ outcome: 'commit', amounts: ai(amount) })

const fixed: Statement = { reserved: ai(10), actual: undefined, refund: false, reported: undefined, metered: false }
const actual4: Statement = { ...fixed, actual: ai(4) }
const actual0: Statement = { ...fixed, actual: ai(0) }
const refunded: Statement = { ...fixed, refund: true }
const metered: Statement = { ...fixed, metered: true }
const reported3: Statement = { ...metered, reported: ai(3) }
const reported0: Statement = { ...metered, reported: ai(0) }
const reported3actual4: Statement = { ...reported3, actual: ai(4) }
const reported3refunded: Statement = { ...reported3, refund: true }

const finished: Outcome = { status: 200, threw: false, ended: 'finished', started: true }
const unstarted = { started: false }
const cases: [string, Outcome, ...[string, Statement, Settlement][]][] = [
  ['below 400, finished', finished,
    ['fixed', fixed, commit(10)], ['with an actual amount', actual4, commit(4)], ['with an actual amount of 0', actual0, commit(0)], ['with a refund', refunded, refund],
    ['metered', metered, commit(10)], ['metered and reported', reported3, commit(3)], ['metered and 0 reported', reported0, commit(0)],
    ['metered, reported and actual', reported3actual4, commit(4)], ['metered, reported and refunded', reported3refunded, refund]],
  ['304, finished without a body', { ...finished, status: 304, ...unstarted },
    ['fixed', fixed, commit(10)], ['with an actual amount', actual4, commit(4)], ['with a refund', refunded, refund]],
  ['399, finished', { ...finished, status: 399 }, ['fixed', fixed, commit(10)]],
  ['400, finished', { ...finished, status: 400 },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['metered and reported', reported3, refund]],
  ['500, finished', { ...finished, status: 500 },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['metered and reported', reported3, refund]],
  ['500, client gone in mid-stream', { ...finished, status: 500, ended: 'aborted' }, ['fixed', fixed, refund], ['metered and reported', reported3, refund]],
  ['threw, and an error handler answered 500', { ...finished, status: 500, threw: true },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['metered and reported', reported3, refund]],
  ['threw, and an error handler answered 200', { ...finished, threw: true },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['metered', metered, refund], ['metered and reported', reported3, refund]],
  ['threw before the first byte, and nobody answered', { ...finished, threw: true, ended: 'failed', ...unstarted },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['metered and reported', reported3, refund]],
  ['client gone before the first byte', { ...finished, ended: 'aborted', ...unstarted },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['with a refund', refunded, refund],
    ['metered', metered, refund], ['metered and reported', reported3, commit(3)], ['metered and 0 reported', reported0, commit(0)], ['metered, reported and refunded', reported3refunded, refund]],
  ['client gone after the first byte', { ...finished, ended: 'aborted' },
    ['fixed', fixed, commit(10)], ['with an actual amount', actual4, commit(4)], ['with a refund', refunded, refund],
    ['metered', metered, refund], ['metered and reported', reported3, commit(3)], ['metered and 0 reported', reported0, commit(0)],
    ['metered, reported and actual', reported3actual4, commit(4)], ['metered, reported and refunded', reported3refunded, refund]],
  ['failed before the first byte', { ...finished, ended: 'failed', ...unstarted },
    ['fixed', fixed, refund], ['metered', metered, refund], ['metered and reported', reported3, commit(3)]],
  ['failed after the first byte', { ...finished, ended: 'failed' },
    ['fixed', fixed, refund], ['with an actual amount', actual4, refund], ['with a refund', refunded, refund],
    ['metered', metered, refund], ['metered and reported', reported3, commit(3)], ['metered and 0 reported', reported0, commit(0)],
    ['metered, reported and refunded', reported3refunded, refund]],
  ['threw after the first byte', { ...finished, threw: true, ended: 'failed' },
    ['fixed', fixed, refund], ['metered', metered, refund], ['metered and reported', reported3, commit(3)]],
]

describe.each(cases)('%s', (_what, outcome, ...rows) => {
  it.each(rows)('%s', (_statement, statement, settlement) => {
    expect(decideSettlement(outcome, statement)).toEqual(settlement)
  })
})

describe('whatever happened', () => {
  const outcomes: fc.Arbitrary<Outcome> = fc.record({
    status: fc.integer({ min: 100, max: 599 }),
    threw: fc.boolean(),
    ended: fc.constantFrom('finished', 'aborted', 'failed'),
    started: fc.boolean(),
  })
  const statements: fc.Arbitrary<Statement> = fc.integer({ min: 0, max: 2_147_483_647 }).chain((reserved) => {
    const amount = fc.option(fc.integer({ min: 0, max: reserved }).map(ai), { nil: undefined })
    return fc.record({ reserved: fc.constant(ai(reserved)), actual: amount, refund: fc.boolean(), reported: amount, metered: fc.boolean() })
  })

  it('commits a whole number from 0 to what was reserved, or refunds', () => {
    fc.assert(
      fc.property(outcomes, statements, (outcome, statement) => {
        const settlement = decideSettlement(outcome, statement)
        if (settlement.outcome === 'refund') return
        expect(settlement.amounts['ai']).toSatisfy(Number.isSafeInteger)
        expect(settlement.amounts['ai']).toBeGreaterThanOrEqual(0)
        expect(settlement.amounts['ai']).toBeLessThanOrEqual(statement.reserved['ai'] ?? 0)
      }),
      { numRuns: 2000 },
    )
  })

  it('refunds when the handler called refund()', () => {
    fc.assert(fc.property(outcomes, statements, (outcome, statement) => {
      expect(decideSettlement(outcome, { ...statement, refund: true })).toEqual(refund)
    }))
  })

  it('refunds from status 400 on', () => {
    fc.assert(fc.property(outcomes, fc.integer({ min: 400, max: 999 }), statements, (outcome, status, statement) => {
      expect(decideSettlement({ ...outcome, status }, statement)).toEqual(refund)
    }))
  })

  it('charges a fixed amount nothing when the handler threw', () => {
    fc.assert(fc.property(outcomes, statements, (outcome, statement) => {
      expect(decideSettlement({ ...outcome, threw: true }, { ...statement, metered: false, reported: undefined })).toEqual(refund)
    }))
  })

  it('decides by its arguments alone and leaves them as they are', () => {
    fc.assert(fc.property(outcomes, statements, (outcome, statement) => {
      const first = decideSettlement(Object.freeze({ ...outcome }), Object.freeze({ ...statement }))
      expect(decideSettlement(outcome, statement)).toEqual(first)
    }))
  })
})

describe("a rule's answer on 10 reserved credits", () => {
  it.each<unknown>([refund, commit(0), commit(10), { outcome: 'refund', amount: 99 }])('can be carried out: %o', (answer) => {
    expect(isSettlement(answer, ai(10))).toBe(true)
  })

  it.each<unknown>([
    undefined,
    null,
    'refund',
    {},
    Promise.resolve(refund),
    { outcome: 'commit' },
    commit(11),
    commit(-1),
    commit(0.5),
    commit(NaN),
    { outcome: 'commit', amounts: ai('1' as unknown as number) },
    { outcome: 'commit', amounts: {} },
    { outcome: 'commit', amounts: { lead: 1 } },
    { outcome: 'commit', amounts: { ai: 1, lead: 0 } },
    { outcome: 'commit', amounts: 1 },
    { outcome: 'commit', amount: 1 },
    { outcome: 'keep', amounts: ai(1) },
  ])('cannot be carried out: %o', (answer) => {
    expect(isSettlement(answer, ai(10))).toBe(false)
  })

  it('can always be carried out when the table gives it', () => {
    const outcomes = fc.record({ status: fc.integer({ min: 100, max: 599 }), threw: fc.boolean(), ended: fc.constantFrom('finished' as const, 'aborted' as const, 'failed' as const), started: fc.boolean() })
    const amount = fc.option(fc.integer({ min: 0, max: 10 }).map(ai), { nil: undefined })
    fc.assert(
      fc.property(outcomes, amount, amount, fc.boolean(), fc.boolean(), (outcome, actual, reported, isRefund, isMetered) => {
        expect(isSettlement(decideSettlement(outcome, { reserved: ai(10), actual, reported, refund: isRefund, metered: isMetered }), ai(10))).toBe(true)
      }),
    )
  })
})

describe('a policy for clients that leave', () => {
  const left: Outcome = { ...finished, ended: 'aborted' }
  const before: Outcome = { ...left, started: false }

  it.each<[string, Outcome, Statement, Settlement]>([
    ['before the first byte', before, fixed, commit(10)],
    ['before the first byte, with an actual amount', before, actual4, commit(4)],
    ['in mid-stream', left, reported3, commit(10)],
    ['after refund()', left, refunded, refund],
    ['with a status of failure', { ...left, status: 500 }, fixed, refund],
    ['when the handler threw', { ...left, threw: true }, fixed, refund],
  ])('charge: %s', (_case, outcome, statement, settlement) => {
    expect(createSettleBy('charge')(outcome, statement)).toEqual(settlement)
  })

  it.each<[string, Outcome, Statement]>([['before the first byte', before, reported3], ['in mid-stream', left, fixed], ['with an actual amount', left, actual4]])('refund: %s', (_case, outcome, statement) => {
    expect(createSettleBy('refund')(outcome, statement)).toEqual(refund)
  })

  it('changes nothing else', () => {
    for (const policy of ['delivered', 'charge', 'refund'] as const) {
      for (const [, outcome, ...rows] of cases) {
        if (outcome.ended === 'aborted' && policy !== 'delivered') continue
        for (const [, statement, settlement] of rows) expect(createSettleBy(policy)(outcome, statement)).toEqual(settlement)
      }
    }
  })
})

describe('the answer of a rule where the surplus is reserved in addition', () => {
  it.each([
    [commit(12), true],
    [commit(13), false],
  ])('%o', (answer, can) => {
    expect(isSettlement(answer, ai(10), ai(12))).toBe(can)
  })
})
