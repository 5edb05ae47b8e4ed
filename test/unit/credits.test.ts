import { describe, expect, it, vi } from 'vitest'
import { createCredits, createFreeCredits, type CreditsRecord } from '../../src/credits.ts'
import type { GuardEvent } from '../../src/events.ts'

const facts = { id: '0198f6b4-0000-7000-8000-000000000000', creditType: 'ai', amounts: { ai: 10 }, balances: { ai: { remaining: 90, resetsIn: null, resetsAt: null } }, user: undefined }

function create({ metered = false } = {}): { readonly record: CreditsRecord; readonly events: readonly GuardEvent[] } {
  const events: GuardEvent[] = []
  return { record: createCredits(facts, { metered, reservesMore: false, emit: (event) => events.push(event), onReport: () => undefined, detach: () => Promise.resolve(facts.id) }), events }
}

describe('the handle', () => {
  it('tells the facts of the reservation, and cannot be changed', () => {
    const { record } = create()
    expect(record.credits).toMatchObject({ ...facts, amount: 10, remaining: 90 })
    expect(Object.isFrozen(record.credits)).toBe(true)
  })

  it('works when its methods are taken out of it', () => {
    const { record } = create()
    // eslint-disable-next-line @typescript-eslint/unbound-method -- taking them out is the point
    const { commit, report } = record.credits
    commit(2)
    report(1)
    expect(record.statement).toMatchObject({ actual: { ai: 2 }, reported: { ai: 1 } })
  })
})

it('says that something was reported when it is more than before, and only then', () => {
  const onReport = vi.fn()
  const { credits } = createCredits(facts, { metered: false, reservesMore: false, emit: () => undefined, onReport, detach: () => Promise.resolve('') })
  for (const amount of [1, 1, 0, 4, 3, 11, 12]) credits.report(amount)
  expect(onReport).toHaveBeenCalledTimes(3)
})

it('states nothing before the handler says something', () => {
  expect(create().record.statement).toEqual({ reserved: { ai: 10 }, actual: undefined, refund: false, reported: undefined, metered: false })
})

it('lets the last word between commit and refund stand', () => {
  const { record } = create()
  record.credits.commit(4)
  record.credits.refund()
  expect(record.statement).toMatchObject({ refund: true })
  record.credits.commit(3)
  expect(record.statement).toMatchObject({ refund: false, actual: { ai: 3 } })
})

it('keeps the highest report, and is metered from the first on', () => {
  const { record } = create()
  record.credits.report(0)
  expect(record.statement).toMatchObject({ reported: { ai: 0 }, metered: true })
  record.credits.report(5)
  record.credits.report(2)
  expect(record.statement).toMatchObject({ reported: { ai: 5 } })
})

it('keeps the highest report of each type, also when another type is reported, or less of it along with more of another', () => {
  const both = { ...facts, amounts: { ai: 10, lead: 10 } }
  const record = createCredits(both, { metered: false, reservesMore: false, emit: () => undefined, onReport: () => undefined, detach: () => Promise.resolve('') })
  record.credits.report({ ai: 5 })
  record.credits.report({ lead: 1 })
  record.credits.report({ ai: 2, lead: 3 })
  expect(record.statement).toMatchObject({ reported: { ai: 5, lead: 3 } })
})

it('is metered before the first report where the route says so', () => {
  expect(create({ metered: true }).record.statement).toMatchObject({ metered: true, reported: undefined })
})

it('clamps what is more than reserved, and tells of the overage when it is charged', () => {
  const { record, events } = create()
  record.credits.report(11)
  record.credits.commit(10)
  expect(events).toEqual([])
  record.credits.commit(12)
  expect(record.statement).toMatchObject({ actual: { ai: 10 }, reported: { ai: 10 } })
  expect(events).toEqual([{ type: 'overage', reservation: facts.id, actual: { ai: 12 }, charged: { ai: 10 } }])
})

it.each([-1, 0.5, NaN, Infinity, 2 ** 53, '1', null, undefined, 1n])('refuses %s, and what was said before stands', (value) => {
  const { record } = create()
  record.credits.commit(4)
  expect(() => record.credits.commit(value as number)).toThrow(TypeError)
  expect(() => record.credits.commit(value as number)).toThrow(/credits\.commit\(\)/)
  expect(() => record.credits.report(value as number)).toThrow(/credits\.report\(\)/)
  expect(record.statement).toMatchObject({ actual: { ai: 4 }, reported: undefined, metered: false })
})

it('gives a request that passes free a handle on nothing, with which a handler may still talk', () => {
  const credits = createFreeCredits(['ai'])
  expect(credits).toMatchObject({ creditType: 'ai', amount: 0, remaining: null, user: undefined })
  credits.commit(5)
  credits.report(5)
  credits.refund()
})
