import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createSeparateTimeouts, createSharedTimeouts, type CreateTimeouts } from '../../src/timeouts.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

const KINDS: [string, CreateTimeouts][] = [
  ['shared', createSharedTimeouts],
  ['separate', createSeparateTimeouts],
]

function create(createTimeouts: CreateTimeouts, milliseconds = 100) {
  const timeouts = createTimeouts(milliseconds)
  const begun = performance.now()
  const expired: [string, number][] = []
  const make = (name: string) => ({ expire: () => void expired.push([name, performance.now() - begun]) })
  return { timeouts, expired, make }
}

describe.each(KINDS)('%s timeouts', (_kind, createTimeouts) => {
  it('expire once, each when its own time is up, and say when that is', async () => {
    const { timeouts, expired, make } = create(createTimeouts)
    const now = performance.now()
    expect(timeouts.start(make('a'))).toBe(now + 100)
    await vi.advanceTimersByTimeAsync(40)
    timeouts.start(make('b'))
    timeouts.start(make('c'))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(expired).toEqual([
      ['a', 100],
      ['b', 140],
      ['c', 140],
    ])
  })

  it('do not expire once they are cancelled, and those behind them do', async () => {
    const { timeouts, expired, make } = create(createTimeouts)
    const [first, last] = [make('first'), make('last')]
    timeouts.start(first)
    await vi.advanceTimersByTimeAsync(10)
    timeouts.start(last)
    timeouts.cancel(first)
    timeouts.cancel(first)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(expired).toEqual([['last', 110]])
  })

  it('can be started again, also by what expires', async () => {
    const { timeouts } = create(createTimeouts)
    const expired: number[] = []
    const again = {
      expire() {
        if (expired.push(performance.now()) < 3) timeouts.start(again)
      },
    }
    const begun = timeouts.start(again) - 100
    await vi.advanceTimersByTimeAsync(1_000)
    expect(expired).toEqual([begun + 100, begun + 200, begun + 300])
  })

  it('of a length that is no whole number expire as well', async () => {
    const { timeouts, expired, make } = create(createTimeouts, 50 / 3)
    timeouts.start(make('a'))
    await vi.advanceTimersByTimeAsync(0.5)
    timeouts.start(make('b'))
    await vi.advanceTimersByTimeAsync(20)
    expect(expired.map(([name]) => name)).toEqual(['a', 'b'])
  })
})

it('however many are running, the shared ones need one timer, and none once nothing is running', async () => {
  const { timeouts, make } = create(createSharedTimeouts)
  const running = Array.from({ length: 1_000 }, (_, index) => make(String(index)))
  for (const each of running) timeouts.start(each)
  expect(vi.getTimerCount()).toBe(1)
  for (const each of running) timeouts.cancel(each)
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1)
  await vi.advanceTimersByTimeAsync(100)
  expect(vi.getTimerCount()).toBe(0)
})

it('of the separate ones nothing is left behind by those that are cancelled', () => {
  const { timeouts, make } = create(createSeparateTimeouts)
  const [first, second] = [make('first'), make('second')]
  timeouts.start(first)
  timeouts.start(second)
  expect(vi.getTimerCount()).toBe(2)
  timeouts.cancel(first)
  timeouts.cancel(second)
  expect(vi.getTimerCount()).toBe(0)
})

it('keep no process from ending', () => {
  const script = `
    import { createSeparateTimeouts, createSharedTimeouts } from ${JSON.stringify(new URL('../../src/timeouts.ts', import.meta.url).href)}
    for (const create of [createSeparateTimeouts, createSharedTimeouts]) create(20_000).start({ expire() {} })
    console.log('started')`
  expect(execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], { timeout: 8_000, encoding: 'utf8' }).trim()).toBe('started')
})
