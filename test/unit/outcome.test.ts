import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from '../../src/outcome.ts'

const refund: Settlement = { outcome: 'refund' }
const commit = (amount: number): Settlement => ({ outcome: 'commit', amount })

const fixed: Statement = { reserved: 10, actual: undefined, refund: false, reported: undefined, metered: false }
const actual4: Statement = { ...fixed, actual: 4 }
const actual0: Statement = { ...fixed, actual: 0 }
const refunded: Statement = { ...fixed, refund: true }
const metered: Statement = { ...fixed, metered: true }
const reported3: Statement = { ...metered, reported: 3 }
const reported0: Statement = { ...metered, reported: 0 }
const reported3actual4: Statement = { ...reported3, actual: 4 }
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
    const amount = fc.option(fc.integer({ min: 0, max: reserved }), { nil: undefined })
    return fc.record({ reserved: fc.constant(reserved), actual: amount, refund: fc.boolean(), reported: amount, metered: fc.boolean() })
  })

  it('commits a whole number from 0 to what was reserved, or refunds', () => {
    fc.assert(
      fc.property(outcomes, statements, (outcome, statement) => {
        const settlement = decideSettlement(outcome, statement)
        if (settlement.outcome === 'refund') return
        expect(settlement.amount).toSatisfy(Number.isSafeInteger)
        expect(settlement.amount).toBeGreaterThanOrEqual(0)
        expect(settlement.amount).toBeLessThanOrEqual(statement.reserved)
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
    expect(isSettlement(answer, 10)).toBe(true)
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
    { outcome: 'commit', amount: '1' },
    { outcome: 'keep', amount: 1 },
  ])('cannot be carried out: %o', (answer) => {
    expect(isSettlement(answer, 10)).toBe(false)
  })

  it('can always be carried out when the table gives it', () => {
    const outcomes = fc.record({ status: fc.integer({ min: 100, max: 599 }), threw: fc.boolean(), ended: fc.constantFrom('finished' as const, 'aborted' as const, 'failed' as const), started: fc.boolean() })
    const amount = fc.option(fc.integer({ min: 0, max: 10 }), { nil: undefined })
    fc.assert(
      fc.property(outcomes, amount, amount, fc.boolean(), fc.boolean(), (outcome, actual, reported, isRefund, isMetered) => {
        expect(isSettlement(decideSettlement(outcome, { reserved: 10, actual, reported, refund: isRefund, metered: isMetered }), 10)).toBe(true)
      }),
    )
  })
})
