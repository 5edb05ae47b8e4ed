import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Deadline, toAbortSignal } from '../../src/give-up.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const start = () => new Deadline(createSharedTimeouts(100))

describe('a deadline', () => {
  it('tells its listeners once when it is over, and says so before', async () => {
    const deadline = start()
    const seen: boolean[] = []
    deadline.addEventListener('abort', () => seen.push(deadline.aborted))
    deadline.addEventListener('abort', () => seen.push(deadline.aborted))
    expect([deadline.aborted, deadline.until]).toEqual([false, performance.now() + 100])
    await vi.advanceTimersByTimeAsync(99)
    expect(seen).toEqual([])
    await vi.advanceTimersByTimeAsync(500)
    expect([deadline.aborted, seen]).toEqual([true, [true, true]])
  })

  it('does not tell a listener that was removed, and goes on telling the others', async () => {
    const deadline = start()
    const [removed, other] = [vi.fn(), vi.fn()]
    deadline.addEventListener('abort', removed)
    deadline.addEventListener('abort', other)
    deadline.removeEventListener('abort', removed)
    deadline.removeEventListener('abort', vi.fn())
    await vi.advanceTimersByTimeAsync(100)
    expect(removed).not.toHaveBeenCalled()
    expect(other).toHaveBeenCalledTimes(1)
  })

  it('that was ended is never over', async () => {
    const deadline = start()
    const listener = vi.fn()
    deadline.addEventListener('abort', listener)
    deadline.end()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(deadline.aborted).toBe(false)
    expect(listener).not.toHaveBeenCalled()
  })
})

describe('as an AbortSignal', () => {
  it('a deadline is aborted when it is over, for the reason of AbortSignal.timeout', async () => {
    const signal = toAbortSignal(start())
    expect(signal).toBeInstanceOf(AbortSignal)
    expect(signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(100)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ name: 'TimeoutError' })
  })

  it('a deadline that is over is aborted at once', async () => {
    const deadline = start()
    await vi.advanceTimersByTimeAsync(100)
    expect(toAbortSignal(deadline).aborted).toBe(true)
  })

  it('a real one is itself, and none is none', () => {
    const { signal } = new AbortController()
    expect(toAbortSignal(signal)).toBe(signal)
    expect(toAbortSignal(undefined)).toBeUndefined()
  })
})
