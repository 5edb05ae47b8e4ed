import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { GuardEvent } from '../../src/events.ts'
import { createFault } from '../../src/ledger/fault.ts'
import type { Settlement } from '../../src/outcome.ts'
import { createSettler, type Settler } from '../../src/settler.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger, type ScriptedLedger, type Step } from './scripted-ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const user = '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11'
const commit = (amount: number): Settlement => ({ outcome: 'commit', amounts: { ai: amount } })
const refund: Settlement = { outcome: 'refund' }
const lost = createFault('', 'fetch failed')

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

function create(script: { commit?: Step | Step[]; refund?: Step | Step[] }): { readonly settler: Settler; readonly ledger: ScriptedLedger; readonly events: readonly GuardEvent[] } {
  const events: GuardEvent[] = []
  const ledger = createScriptedLedger(script)
  return { settler: createSettler(ledger, (event) => events.push(event), createSharedTimeouts), ledger, events }
}

/** A reservation whose lease ends in so many seconds. */
const reservation = (seconds = 60) => ({ id, user, reserved: { ai: 3 }, until: performance.now() + seconds * 1000 })

describe('a settlement', () => {
  it('commits what it says, of the credit type, for the user', async () => {
    const { settler, ledger, events } = create({ commit: { outcome: 'committed', amounts: { ai: 3 } } })
    await settler.settle(reservation(), commit(3))
    expect(ledger.calls).toMatchObject([{ operation: 'commit', request: { id, user, amounts: { ai: 3 } } }])
    expect(events).toEqual([{ type: 'settled', reservation: id, outcome: 'committed', amounts: { ai: 3 } }])
  })

  it('refunds', async () => {
    const { settler, ledger, events } = create({ refund: { outcome: 'refunded' } })
    await settler.settle(reservation(), refund)
    expect(ledger.calls).toMatchObject([{ operation: 'refund', request: { id, user } }])
    expect(events).toEqual([{ type: 'settled', reservation: id, outcome: 'refunded', amounts: { ai: 0 } }])
  })

  it.each<[string, Settlement, Step, GuardEvent['type']]>([
    ['a refund of what expired has come about', refund, { outcome: 'expired' }, 'settled'],
    ['a refund of what was committed is lost', refund, { outcome: 'committed', amounts: { ai: 1 } }, 'unsettled'],
    ['a refund that is refused is lost', refund, { outcome: 'invalid', reason: 'r' }, 'unsettled'],
    ['a commit of what expired is lost', commit(1), { outcome: 'expired' }, 'unsettled'],
    ['a commit of what was refunded is lost', commit(1), { outcome: 'refunded' }, 'unsettled'],
    ['a commit of another amount than was committed is lost', commit(1), { outcome: 'conflict', state: 'committed', amounts: { ai: 2 } }, 'unsettled'],
    ['a commit of more than was reserved is lost', commit(9), { outcome: 'exceeds', amounts: { ai: 2 } }, 'unsettled'],
    ['a commit of what was never reserved is lost', commit(1), { outcome: 'not_found' }, 'unsettled'],
  ])('takes an answer for final: %s', async (_case, settlement, answer, type) => {
    const { settler, ledger, events } = create({ commit: answer, refund: answer })
    await settler.settle(reservation(), settlement)
    expect(ledger.calls).toHaveLength(1)
    expect(events).toMatchObject([{ type, reservation: id }])
    if (type === 'unsettled') expect(events).toMatchObject([{ wanted: settlement.outcome, state: (answer as { outcome: string }).outcome }])
  })

  it.each<[string, Step]>([
    ['a lost reply', lost],
    ['a deadlock', createFault('40P01', 'deadlock detected')],
    ['a wrong set-up', createFault('42501', 'permission denied')],
    ['something that is no fault', new Error('socket hang up')],
    ['no answer', 'says nothing'],
    ['a failed element', { outcome: 'failed', code: '55P03' }],
  ])('is tried again after %s', async (_case, step) => {
    const { settler, ledger, events } = create({ commit: [step, step, step, { outcome: 'committed', amounts: { ai: 1 } }] })
    const settling = settler.settle(reservation(), commit(1))
    await vi.advanceTimersByTimeAsync(5_000)
    await settling
    expect(ledger.calls.map((call) => call.request)).toEqual(Array(4).fill({ id, user, amounts: { ai: 1 } }))
    expect(events).toMatchObject([{ type: 'settled' }])
  })

  it('is tried until the lease ends, ever more seldom but at least every 7.5 seconds, and then told as lost', async () => {
    const { settler, ledger, events } = create({ commit: lost })
    const started = performance.now()
    const until = started + 60_000
    const settling = settler.settle(reservation(60), commit(1))
    await vi.advanceTimersByTimeAsync(60_000)
    await settling

    const pauses = ledger.calls.slice(1).map(({ at }, index) => at - (ledger.calls[index]?.at ?? 0))
    expect(pauses[0]).toBeLessThanOrEqual(150)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(7_500)
    expect(ledger.calls.length).toBeGreaterThanOrEqual(12)
    expect(ledger.calls.length).toBeLessThanOrEqual(40)
    const last = ledger.calls.at(-1)?.at ?? 0
    expect(last).toBeLessThan(until)
    expect(last).toBeGreaterThan(until - 7_500)
    expect(events).toEqual([{ type: 'unsettled', reservation: id, creditTypes: ['ai'], wanted: 'commit', state: 'fetch failed' }])
  })

  it('gives up an attempt that hangs after ten seconds, and tries again', async () => {
    const { settler, ledger, events } = create({ commit: ['hangs', { outcome: 'committed', amounts: { ai: 1 } }] })
    const settling = settler.settle(reservation(), commit(1))
    await vi.advanceTimersByTimeAsync(9_999)
    expect(ledger.calls).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(151)
    await settling
    expect(ledger.calls).toHaveLength(2)
    expect(events).toMatchObject([{ type: 'settled' }])
  })

  it('is tried once even when the lease is over already', async () => {
    const { settler, ledger, events } = create({ refund: lost })
    await settler.settle(reservation(-1), refund)
    expect(ledger.calls).toHaveLength(1)
    expect(events).toMatchObject([{ type: 'unsettled', wanted: 'refund' }])
  })
})

describe('draining', () => {
  it('ends at once when nothing is under way', async () => {
    expect(await create({}).settler.drain(10_000)).toBe(0)
  })

  it('ends as soon as everything is settled', async () => {
    const { settler } = create({ refund: [lost, { outcome: 'refunded' }] })
    void settler.settle(reservation(), refund)
    const started = performance.now()
    const draining = settler.drain(10_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await draining).toBe(0)
    expect(performance.now() - started).toBe(1_000)
  })

  it('ends after its time, and says how many are left', async () => {
    const { settler } = create({ refund: [lost, lost, { outcome: 'refunded' }], commit: lost })
    void settler.settle({ ...reservation(600), id: 'second' }, commit(1))
    void settler.settle(reservation(600), refund)
    let left: number | undefined
    void settler.drain(5_000).then((count) => (left = count))
    await vi.advanceTimersByTimeAsync(4_999)
    expect(left).toBeUndefined()
    await vi.advanceTimersByTimeAsync(1)
    expect(left).toBe(1)
  })

  it('waits for what is added meanwhile', async () => {
    const { settler, events } = create({ refund: [lost, lost, lost, { outcome: 'refunded' }] })
    void settler.settle(reservation(), refund)
    const draining = settler.drain(10_000)
    await vi.advanceTimersByTimeAsync(50)
    void settler.settle({ ...reservation(), id: 'second' }, refund)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(await draining).toBe(0)
    expect(events).toHaveLength(2)
  })

  it('waits for what was admitted and is not settled yet, and counts a reservation once', async () => {
    const { settler } = create({ refund: { outcome: 'refunded' } })
    settler.expect(id)
    settler.expect(id)
    const draining = settler.drain(10_000)
    await vi.advanceTimersByTimeAsync(1_000)
    void settler.settle(reservation(), refund)
    await vi.advanceTimersByTimeAsync(0)
    expect(await draining).toBe(0)

    settler.expect(id)
    const bounded = settler.drain(1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await bounded).toBe(1)
  })

  it('keeps no process from ending once everything is settled', () => {
    const script = `
      import { createSettler } from ${JSON.stringify(new URL('../../src/settler.ts', import.meta.url).href)}
      import { createSharedTimeouts } from ${JSON.stringify(new URL('../../src/timeouts.ts', import.meta.url).href)}
      const answer = () => new Promise((resolve) => setTimeout(resolve, 50, [{ id: 'r', outcome: 'refunded' }]))
      const settler = createSettler({ refund: answer }, () => undefined, createSharedTimeouts)
      settler.settle({ id: 'r', user: 'u', reserved: { ai: 1 }, until: performance.now() + 60_000 }, { outcome: 'refund' })
      settler.drain(60_000).then((left) => console.log(left))`
    const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { timeout: 8_000, encoding: 'utf8' })
    expect(output.trim()).toBe('0')
  })
})
