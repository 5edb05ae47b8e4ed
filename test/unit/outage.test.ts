import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GuardEvent } from '../../src/events.ts'
import { createFault } from '../../src/ledger/fault.ts'
import { createDebts } from '../../src/outage.ts'
import { createSettler } from '../../src/settler.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger } from './scripted-ledger.ts'

/** Calls that were admitted with nothing held, while the database could not be reached. */

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const request = (amount: number, id = 'r') => ({ id, user: 'u', amounts: { ai: amount }, lease: 60 })
const reserved = (amount: number) => ({ outcome: 'reserved', subscription: 's', amounts: { ai: amount }, balances: {} })
const down = createFault('ECONNREFUSED', 'down')
const commit = (amount: number) => ({ outcome: 'commit', amounts: { ai: amount } }) as const

function create(script: Parameters<typeof createScriptedLedger>[0], openUpTo = 10) {
  const events: GuardEvent[] = []
  const ledger = createScriptedLedger(script)
  const emit = (event: GuardEvent) => events.push(event)
  const settler = createSettler(ledger, emit, createSharedTimeouts)
  const debts = createDebts({ ledger, settler, emit, calls: createSharedTimeouts(5_000) })
  return { ledger, events, settler, debts, tab: debts.createTab(openUpTo) }
}

describe('the bound', () => {
  it('is on what is outstanding, over all calls of the route', async () => {
    const { tab, events } = create({ reserve: reserved(6), commit: { outcome: 'committed', amounts: { ai: 6 } } })
    expect([tab.open(request(6, 'a')), tab.open(request(5, 'b')), tab.open(request(4, 'c')), tab.open(request(1, 'd'))]).toEqual([true, false, true, false])
    expect(events.map((event) => event.type === 'opened' && event.outstanding)).toEqual([6, 10])
    await tab.collect(request(6, 'a'), commit(6))
    expect(tab.open(request(6, 'e'))).toBe(true)
  })

  it('is free again when a call owes nothing', async () => {
    const { tab, ledger } = create({ refund: { outcome: 'refunded' } })
    tab.open(request(10))
    await tab.collect(request(10), { outcome: 'refund' })
    expect(ledger.calls.map(({ operation }) => operation)).toEqual(['refund'])
    expect(tab.open(request(10))).toBe(true)
  })
})

describe('collecting', () => {
  it('reserves under the same id once the database is back, for at least what is owed, and commits that', async () => {
    const { tab, ledger, events } = create({ reserve: [down, down, down, down, reserved(5)], commit: { outcome: 'committed', amounts: { ai: 3 } } })
    tab.open(request(5))
    const collecting = tab.collect({ ...request(5), session: 'a-session' }, commit(3))
    await vi.advanceTimersByTimeAsync(60_000)
    await collecting
    expect(new Set(ledger.calls.slice(0, 5).map(({ request: asked }) => JSON.stringify(asked)))).toEqual(new Set([JSON.stringify({ ...request(5), least: { ai: 3 } })]))
    expect(ledger.calls.at(-1)).toMatchObject({ operation: 'commit', request: { id: 'r', amounts: { ai: 3 } } })
    expect(events.at(-1)).toEqual({ type: 'collected', reservation: 'r', user: 'u', amounts: { ai: 3 } })
  })

  it('takes another id when the first reserve arrived after all and its lease is over', async () => {
    const { tab, ledger, events } = create({ reserve: [{ outcome: 'expired' }, reserved(5)], commit: { outcome: 'committed', amounts: { ai: 5 } } })
    tab.open(request(5))
    const collecting = tab.collect(request(5), commit(5))
    await vi.advanceTimersByTimeAsync(10_000)
    await collecting
    const [first, second] = ledger.calls
    expect(second?.request.id).not.toBe(first?.request.id)
    expect(events.at(-1)).toMatchObject({ type: 'collected', reservation: 'r' })
  })

  it.each([
    ['insufficient', { outcome: 'insufficient', creditType: 'ai', required: 5, available: 1, resetsAt: null }],
    ['no_subscription', { outcome: 'no_subscription' }],
  ])('ends with an event when the answer is %s, and frees the bound', async (state, answer) => {
    const { tab, events } = create({ reserve: answer })
    tab.open(request(10))
    await tab.collect(request(10), commit(5))
    expect(events.at(-1)).toEqual({ type: 'uncollected', reservation: 'r', user: 'u', amounts: { ai: 5 }, state })
    expect(tab.open(request(10))).toBe(true)
  })

  it('charges nothing twice when another request under the key was charged', async () => {
    const { tab, events } = create({ reserve: { outcome: 'already_charged', reservation: 'other' } })
    tab.open(request(5))
    await tab.collect(request(5), commit(5))
    expect(events.at(-1)).toEqual({ type: 'collected', reservation: 'r', user: 'u', amounts: {} })
  })

  it('is waited for by a drain, and given up with an event when it is abandoned', async () => {
    const { tab, settler, debts, events } = create({ reserve: down })
    tab.open(request(5))
    const collecting = tab.collect(request(5), commit(5))
    const draining = settler.drain(10_000)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(await draining).toBe(1)
    debts.abandon()
    await vi.advanceTimersByTimeAsync(10_000)
    await collecting
    expect(events.at(-1)).toMatchObject({ type: 'uncollected', state: 'unanswered' })
    expect(await settler.drain(0)).toBe(0)
  })
})
