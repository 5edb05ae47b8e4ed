import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createLeases, type DescribeHeld, type Lease, type LeaseOptions } from '../../src/lease.ts'
import { createFault } from '../../src/ledger/fault.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger, type ScriptedLedger, type Step } from './scripted-ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const user = '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11'
const extended = { outcome: 'extended', reported: null }
const seconds = (count: number): Promise<unknown> => vi.advanceTimersByTimeAsync(count * 1000)

function keepLease(ledger: Parameters<typeof createLeases>[0], { describe, ...options }: Omit<LeaseOptions, 'createTimeouts'> & { readonly describe: DescribeHeld }): Lease {
  return createLeases(ledger, { ...options, createTimeouts: createSharedTimeouts })(describe)
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

interface Kept {
  readonly ledger: ScriptedLedger
  readonly lease: Lease
  readonly started: number
  /** When it was renewed, in seconds since the start. */
  readonly beats: () => number[]
}

function keep(steps: Step | Step[] = extended, { leaseSeconds = 60, maxHoldSeconds = 900, describe = () => ({ id, user }) } = {}): Kept {
  const ledger = createScriptedLedger({ extend: steps })
  const started = performance.now()
  const lease = keepLease(ledger, { leaseSeconds, maxHoldSeconds, describe })
  return { ledger, lease, started, beats: () => ledger.calls.map(({ at }) => Math.round((at - started) / 1000)) }
}

describe('a lease that is kept', () => {
  it('is renewed at a third of its length, to its full length from then', async () => {
    const { ledger, lease, started, beats } = keep()
    expect(lease.until).toBe(started + 60_000)
    await seconds(19)
    expect(beats()).toEqual([])
    await seconds(42)
    expect(beats()).toEqual([20, 40, 60])
    expect(ledger.calls[0]?.request).toEqual({ id, user, lease: 60, atLeast: true })
    expect(lease.until).toBe(started + 120_000)
    lease.stop()
  })

  it('carries what has been reported by then', async () => {
    let reported = 0
    const { ledger, lease } = keep(extended, { describe: () => ({ id, user, reported: { ai: reported } }) })
    for (reported of [3, 3, 7]) await seconds(20)
    lease.stop()
    expect(ledger.calls.map(({ request }) => request['reported'])).toEqual([{ ai: 3 }, { ai: 3 }, { ai: 7 }])
  })

  it('is renewed at once when something is reported, then at most once a second, and goes on beating', async () => {
    const { lease, beats, ledger } = keep()
    await seconds(5)
    lease.hurry()
    await seconds(0.1)
    expect(beats()).toEqual([5])
    for (let report = 0; report < 30; report += 1) {
      lease.hurry()
      await seconds(0.1)
    }
    expect(ledger.calls).toHaveLength(4)
    await seconds(30)
    expect(ledger.calls).toHaveLength(6)
    lease.stop()
  })

  it('is renewed although the handler never stops reporting', async () => {
    const { lease, ledger } = keep()
    for (let report = 0; report < 5_000; report += 1) {
      lease.hurry()
      await seconds(0.0005)
    }
    expect(ledger.calls).toHaveLength(3)
    lease.stop()
  })

  it('carries a report that came while a renewal was under way in the next one, a second later', async () => {
    const answers: ((value: unknown) => void)[] = []
    const extend = vi.fn(() => new Promise((resolve) => answers.push(resolve)))
    const lease = keepLease({ extend: extend as never }, { leaseSeconds: 60, maxHoldSeconds: 900, describe: () => ({ id }) })
    await seconds(20)
    lease.hurry()
    await seconds(5)
    expect(extend).toHaveBeenCalledTimes(1)
    answers[0]?.([{ id, ...extended }])
    await seconds(0.1)
    expect(extend).toHaveBeenCalledTimes(2)
    lease.stop()
  })

  it('is renewed no more by a report once it is stopped or over its longest hold', async () => {
    const { lease, beats } = keep()
    lease.stop()
    lease.hurry()
    const held = keep(extended, { maxHoldSeconds: 60 })
    await seconds(1)
    held.lease.hurry()
    await seconds(600)
    expect([beats(), held.beats()]).toEqual([[], []])
  })

  it('is renewed no more once it is stopped', async () => {
    const { lease, started, beats } = keep()
    await seconds(20)
    lease.stop()
    await seconds(600)
    expect(beats()).toEqual([20])
    expect(lease.until).toBe(started + 80_000)
  })

  it('is renewed no more when it was stopped while a renewal was under way', async () => {
    let answer: (value: unknown) => void = () => undefined
    const extend = vi.fn(() => new Promise((resolve) => (answer = resolve)))
    const lease = keepLease({ ...createScriptedLedger(), extend: extend as never }, { leaseSeconds: 60, maxHoldSeconds: 900, describe: () => ({ id }) })
    await seconds(20)
    lease.stop()
    answer([{ id, ...extended }])
    await seconds(600)
    expect(extend).toHaveBeenCalledTimes(1)
  })

  it('never reaches beyond the longest hold', async () => {
    const { lease, started, beats } = keep(extended, { maxHoldSeconds: 150 })
    await seconds(3600)
    expect(beats()).toEqual([20, 40, 60, 80])
    expect(lease.until).toBeLessThanOrEqual(started + 150_000)
  })

  it('is never renewed when the longest hold is the lease itself', async () => {
    const { beats } = keep(extended, { maxHoldSeconds: 60 })
    await seconds(3600)
    expect(beats()).toEqual([])
  })

  it.each<Step[]>([[{ outcome: 'committed', amounts: { ai: 1 } }], [{ outcome: 'refunded' }], [{ outcome: 'expired' }], [{ outcome: 'not_found' }], [{ outcome: 'invalid', reason: 'r' }]])(
    'is renewed no more when the reservation has ended: %o',
    async (step) => {
      const { lease, started, beats } = keep(step)
      await seconds(600)
      expect(beats()).toEqual([20])
      expect(lease.until).toBe(started + 60_000)
    },
  )

  it.each<[string, Step]>([
    ['a lost reply', createFault('', 'fetch failed')],
    ['an error of any other kind', new Error('socket hang up')],
    ['a failed element', { outcome: 'failed', code: '55P03' }],
  ])('is renewed at the next beat after %s', async (_case, step) => {
    const { lease, started, beats } = keep([step, extended])
    await seconds(20)
    expect(lease.until).toBe(started + 60_000)
    await seconds(20)
    expect(beats()).toEqual([20, 40])
    expect(lease.until).toBe(started + 100_000)
    lease.stop()
  })

  it('gives up a renewal that hangs, early enough to try again', async () => {
    const { ledger, lease, beats } = keep(['hangs', extended])
    await seconds(39.9)
    expect(ledger.calls[0]?.signal?.aborted).toBe(false)
    await seconds(20.2)
    expect(ledger.calls[0]?.signal?.aborted).toBe(true)
    expect(beats()).toEqual([20, 60])
    lease.stop()
  })
})

it('keeps no process from ending', () => {
  const script = `
    import { createLeases } from ${JSON.stringify(new URL('../../src/lease.ts', import.meta.url).href)}
    import { createSharedTimeouts } from ${JSON.stringify(new URL('../../src/timeouts.ts', import.meta.url).href)}
    createLeases({ extend: () => Promise.reject(new Error('renewed')) }, { leaseSeconds: 30, maxHoldSeconds: 900, createTimeouts: createSharedTimeouts })(() => ({ id: 'r' }))
    console.log('started')`
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { timeout: 8_000, encoding: 'utf8' })
  expect(output.trim()).toBe('started')
})
