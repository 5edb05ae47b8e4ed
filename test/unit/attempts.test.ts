import { describe, expect, it } from 'vitest'
import { attemptUntil } from '../../src/attempts.ts'
import { Deadline, toAbortSignal } from '../../src/give-up.ts'
import { asFault, createFault, LedgerFault } from '../../src/ledger/fault.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger, type ScriptedLedger, type Step } from './scripted-ledger.ts'

const request = { id: '0198f6b4-0000-7000-8000-000000000000', user: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', amounts: { ai: 2 }, lease: 60 }
const reserved = { outcome: 'reserved', subscription: 's', amounts: { ai: 2 }, balances: {} }
const deadlock = createFault('40P01', 'deadlock detected')
const lost = createFault('', 'fetch failed')
const missing = createFault('PGRST202', 'no function')
async function reserveWithin(ledger: ScriptedLedger, milliseconds: number) {
  const deadline = new Deadline(createSharedTimeouts(milliseconds))
  const signal = toAbortSignal(deadline)
  return attemptUntil(() => ledger.reserve([request], signal), deadline)
}
const failed = (code: string): Step => ({ outcome: 'failed', code })

describe('an answer', () => {
  it.each<Step[]>([
    [reserved],
    [{ outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }],
    [{ outcome: 'no_subscription' }],
    [{ outcome: 'conflict', state: 'open' }],
    [{ outcome: 'refunded' }],
    [{ outcome: 'invalid', reason: 'r' }],
  ])('is final, whatever it says: %o', async (step) => {
    const ledger = createScriptedLedger({ reserve: step })
    expect(await reserveWithin(ledger, 1000)).toEqual({ outcome: 'answered', answer: { id: request.id, ...(step as object) }, unknown: false })
    expect(ledger.calls).toHaveLength(1)
  })

  it.each<[string, Step, boolean]>([
    ['a deadlock', deadlock, false],
    ['a lost reply', lost, true],
    ['an error of any other kind', new Error('socket hang up'), true],
    ['no answer', 'says nothing', true],
    ['a failed element', failed('40P01'), false],
  ])('is asked for again after %s, under the same id', async (_case, step, isUnknown) => {
    const ledger = createScriptedLedger({ reserve: [step, step, reserved] })
    expect(await reserveWithin(ledger, 3000)).toMatchObject({ outcome: 'answered', unknown: isUnknown })
    expect(ledger.calls.map((call) => call.request)).toEqual([request, request, request])
  })
})

describe('without an answer', () => {
  it.each<[string, Step[], boolean]>([
    ['known not to have been executed, each time', [deadlock], false],
    ['failed in its batch for a reason that is known to undo it', [failed('55P03')], false],
    ['lost each time', [lost], true],
    ['lost once, then known not to have been executed', [lost, deadlock], true],
    ['lost only at the end', [deadlock, deadlock, lost], true],
    ['failed in its batch for a reason that says nothing', [failed('XX000')], true],
    ['nothing said', ['says nothing'], true],
    ['rejected with something that is no fault', [new Error('socket hang up')], true],
  ])('it gives up after two retries, and says whether it may have happened: %s', async (_case, steps, unknown) => {
    const ledger = createScriptedLedger({ reserve: steps })
    expect(await reserveWithin(ledger, 3000)).toMatchObject({ outcome: 'unanswered', unknown, fault: expect.any(LedgerFault) as unknown })
    expect(ledger.calls).toHaveLength(3)
  })

  it.each<[string, Step[], number, boolean]>([
    ['at once', [missing], 1, false],
    ['after a lost reply', [lost, missing], 2, true],
    ['in its batch', [failed('42501')], 1, false],
  ])('it does not try again what a person must mend first: %s', async (_case, steps, calls, unknown) => {
    const ledger = createScriptedLedger({ reserve: steps })
    expect(await reserveWithin(ledger, 3000)).toMatchObject({ outcome: 'unanswered', fault: { kind: 'set-up' }, unknown })
    expect(ledger.calls).toHaveLength(calls)
  })

  it('it pauses longer before each retry', async () => {
    const ledger = createScriptedLedger({ reserve: [deadlock] })
    await reserveWithin(ledger, 3000)
    const [first = 0, second = 0, third = 0] = ledger.calls.map(({ at }) => at)
    expect(second - first).toBeGreaterThanOrEqual(45)
    expect(third - second).toBeGreaterThanOrEqual(95)
  })
})

describe('the time it may take', () => {
  it('ends an attempt that hangs', async () => {
    const ledger = createScriptedLedger({ reserve: 'hangs' })
    expect(await reserveWithin(ledger, 80)).toMatchObject({ outcome: 'unanswered', unknown: true })
    expect(ledger.calls).toHaveLength(1)
  })

  it('is shared by all attempts', async () => {
    const ledger = createScriptedLedger({ reserve: [lost, 'hangs'] })
    expect(await reserveWithin(ledger, 300)).toMatchObject({ outcome: 'unanswered', unknown: true })
    const [first, second] = ledger.calls
    expect(ledger.calls).toHaveLength(2)
    expect(second?.signal).toBeInstanceOf(AbortSignal)
    expect(second?.signal).toBe(first?.signal)
  })

  it('is not used up by a pause: what would begin too late does not begin', async () => {
    const ledger = createScriptedLedger({ reserve: lost })
    await reserveWithin(ledger, 20)
    expect(ledger.calls).toHaveLength(1)
  })
})

it('takes a rejection that is no fault for one whose outcome is unknown, with its cause', () => {
  const cause = new TypeError('x is not a function')
  expect(asFault(cause)).toMatchObject({ kind: 'unknown', message: 'x is not a function', cause })
  expect(asFault('a string')).toMatchObject({ kind: 'unknown', message: 'a string' })
  expect(asFault(deadlock)).toBe(deadlock)
})
