import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createEmitter, logFaults, type GuardEvent } from '../../src/events.ts'

const reservation = '0198f6b4-0000-7000-8000-000000000000'
const settled: GuardEvent = { type: 'settled', reservation, outcome: 'committed', amounts: { ai: 1 } }

const log = vi.spyOn(console, 'error')
beforeEach(() => {
  log.mockReset().mockImplementation(() => undefined)
})

describe('a listener', () => {
  it('is told of each event', () => {
    const told: GuardEvent[] = []
    createEmitter((event) => told.push(event))(settled)
    expect(told).toEqual([settled])
    expect(log).not.toHaveBeenCalled()
  })

  it('that throws breaks nothing, and is logged', () => {
    const error = new Error('listener')
    createEmitter(() => {
      throw error
    })(settled)
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('that rejects breaks nothing, is logged and leaves no rejection unhandled', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const error = new Error('listener')
    createEmitter(() => Promise.reject(error))(settled)
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', unhandled)
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
    expect(unhandled).not.toHaveBeenCalled()
  })
})

describe('without a listener of its own, a guard', () => {
  it('logs a fault', () => {
    const error = new Error('fault')
    logFaults({ type: 'fault', error, creditTypes: ['ai'] })
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('logs a lost settlement, with its reservation', () => {
    logFaults({ type: 'unsettled', reservation, creditTypes: ['ai'], wanted: 'commit', state: 'expired' })
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(new RegExp(`${reservation}.*commit.*expired`)))
  })

  it('logs a call that is admitted in an outage, and one that could not be collected', () => {
    logFaults({ type: 'opened', reservation, user: 'u', amounts: { ai: 2 }, outstanding: 7 })
    expect(log).toHaveBeenLastCalledWith(expect.stringMatching(new RegExp(`u.*"ai":2.*${reservation}.*7 credits`)))
    logFaults({ type: 'uncollected', reservation, user: 'u', amounts: { ai: 2 }, state: 'insufficient' })
    expect(log).toHaveBeenLastCalledWith(expect.stringMatching(new RegExp(`"ai":2.*u.*${reservation}.*insufficient`)))
  })

  it('is silent about everything else', () => {
    logFaults(settled)
    logFaults({ type: 'reserved', reservation, user: 'u', amounts: { ai: 1 } })
    logFaults({ type: 'denied', problem: 'insufficient-credits', user: 'u', creditTypes: ['ai'] })
    logFaults({ type: 'overage', reservation, actual: { ai: 2 }, charged: { ai: 1 } })
    expect(log).not.toHaveBeenCalled()
  })
})
