import { beforeEach, describe, expect, it, vi } from 'vitest'
import { createEmitter, logFaults, type GuardEvent } from '../../src/events.ts'

const reservation = '0198f6b4-0000-7000-8000-000000000000'
const settled: GuardEvent = { type: 'settled', reservation, creditType: 'ai', outcome: 'committed', amount: 1 }

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
    logFaults({ type: 'fault', error, creditType: 'ai' })
    expect(log).toHaveBeenCalledExactlyOnceWith(error)
  })

  it('logs a lost settlement, with its reservation', () => {
    logFaults({ type: 'unsettled', reservation, creditType: 'ai', wanted: 'commit', state: 'expired' })
    expect(log).toHaveBeenCalledExactlyOnceWith(expect.stringMatching(new RegExp(`${reservation}.*commit.*expired`)))
  })

  it('is silent about everything else', () => {
    logFaults(settled)
    logFaults({ type: 'reserved', reservation, user: 'u', creditType: 'ai', amount: 1 })
    logFaults({ type: 'denied', problem: 'insufficient-credits', user: 'u', creditType: 'ai' })
    logFaults({ type: 'overage', reservation, creditType: 'ai', actual: 2, charged: 1 })
    expect(log).not.toHaveBeenCalled()
  })
})
