import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createBatcher } from '../../../src/ledger/batcher.ts'
import { createFault, LedgerFault } from '../../../src/ledger/fault.ts'

interface Request {
  readonly id: string
}
type Answer = { readonly id: string; readonly outcome: string; readonly code?: string }

interface SentCall {
  readonly ids: readonly string[]
  readonly signal: AbortSignal
  readonly answer: (outcomes?: Readonly<Record<string, Partial<Answer>>>) => Promise<void>
  /** Leaves the answers to the others out. */
  readonly answerFirst: () => Promise<void>
  readonly fail: (fault: Error) => Promise<void>
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Requests are named lane and number: "a1" takes lane a. Calls end when they are told to. */
function create({ maxBatch = 256, maxInFlight = 2, maxWaiting = 1000 } = {}) {
  const calls: SentCall[] = []
  const settle = async () => {
    for (let turn = 0; turn < 12; turn += 1) await Promise.resolve()
  }
  const send = (requests: readonly Request[], signal: AbortSignal) =>
    new Promise<Answer[]>((resolve, reject) => {
      const ids = requests.map(({ id }) => id)
      calls.push({
        ids,
        signal,
        answer(outcomes = {}) {
          resolve(ids.map((id) => ({ id, outcome: 'done', ...outcomes[id] })))
          return settle()
        },
        answerFirst() {
          resolve([{ id: ids[0] as string, outcome: 'done' }])
          return settle()
        },
        fail(fault) {
          reject(fault)
          return settle()
        },
      })
    })
  const ask = createBatcher<Request, Answer>(send, { maxBatch, maxInFlight, maxWaiting, findLane: ({ id }) => id[0] as string })
  const results = new Map<string, unknown>()
  const askNow = (id: string, signal?: AbortSignal) => {
    ask({ id }, signal).then(
      (answer) => results.set(id, answer.outcome),
      (fault: unknown) => results.set(id, fault),
    )
  }
  return {
    calls,
    results,
    sent: () => calls.map(({ ids }) => ids.join(' ')),
    /** Each in a turn of its own, as requests come in. */
    ask: async (ids: string, signal?: AbortSignal): Promise<void> => {
      for (const id of ids.split(' ')) {
        askNow(id, signal)
        await Promise.resolve()
      }
    },
    askInOneGo: async (ids: string): Promise<void> => {
      for (const id of ids.split(' ')) askNow(id)
      await Promise.resolve()
    },
  }
}

describe('requests', () => {
  it('leave at once while nothing is in flight, and travel together when something is', async () => {
    const { ask, calls, sent, results } = create()
    await ask('a1 a2 a3 b1 a4')
    expect(sent()).toEqual(['a1', 'a2'])
    await calls[0]?.answer()
    expect(sent()).toEqual(['a1', 'a2', 'a3 b1 a4'])
    await calls[2]?.answer()
    await calls[1]?.answer()
    expect([...results.values()]).toEqual(Array(5).fill('done'))
    await ask('a5')
    expect(sent().at(-1)).toBe('a5')
  })

  it('that are made in one go travel together from the start', async () => {
    const { askInOneGo, sent } = create()
    await askInOneGo('a1 b1 a2')
    expect(sent()).toEqual(['a1 b1 a2'])
  })

  it('get the answers of their own', async () => {
    const { ask, calls, results } = create({ maxInFlight: 1 })
    await ask('x1 a1 a2 b1')
    await calls[0]?.answer()
    await calls[1]?.answer({ a2: { outcome: 'insufficient' }, b1: { outcome: 'conflict' } })
    expect(Object.fromEntries(results)).toEqual({ x1: 'done', a1: 'done', a2: 'insufficient', b1: 'conflict' })
  })

  it('travel in arrays of a bounded size, taking turns between lanes', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 1, maxBatch: 4 })
    await ask('x1 a1 a2 a3 a4 a5 a6 b1 b2 c1')
    await calls[0]?.answer()
    expect(sent().at(-1)).toBe('a1 b1 c1 a2')
    await calls[1]?.answer()
    expect(sent().at(-1)).toBe('b2 a3 a4 a5')
    await ask('d1')
    await calls[2]?.answer()
    expect(sent().at(-1)).toBe('a6 d1')
  })

  it('of a lane that is never empty do not starve the lanes behind it', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 1, maxBatch: 2 })
    await ask('x1 a1 a2 a3 a4 b1 b2 c1 d1')
    await calls[0]?.answer()
    await calls[1]?.answer()
    await calls[2]?.answer()
    expect(sent()).toEqual(['x1', 'a1 b1', 'c1 d1', 'a2 b2'])
  })

  it('beyond the bound are refused before they are sent', async () => {
    const { ask, calls, results } = create({ maxInFlight: 1, maxWaiting: 2 })
    await ask('a1 a2 a3 a4')
    await Promise.resolve()
    expect(results.get('a4')).toMatchObject({ kind: 'not-executed', code: 'busy' })
    await calls[0]?.answer()
    await calls[1]?.answer()
    expect(results.get('a3')).toBe('done')
  })
})

describe('a request that is given up', () => {
  it('while it waits is not sent, and known not to have been', async () => {
    const { ask, calls, sent, results } = create({ maxInFlight: 1 })
    const controller = new AbortController()
    await ask('a1')
    await ask('a2', controller.signal)
    await ask('a3')
    controller.abort()
    await calls[0]?.answer()
    expect(results.get('a2')).toMatchObject({ kind: 'not-executed' })
    expect(sent()).toEqual(['a1', 'a3'])
  })

  it('while it is in flight is unknown, and those it travels with are answered', async () => {
    const { ask, calls, results } = create({ maxInFlight: 1 })
    const controller = new AbortController()
    await ask('x1')
    await ask('a1', controller.signal)
    await ask('b1')
    await calls[0]?.answer()
    controller.abort()
    await Promise.resolve()
    expect(results.get('a1')).toMatchObject({ kind: 'unknown', code: 'timeout' })
    expect(calls[1]?.signal.aborted).toBe(false)
    await calls[1]?.answer()
    expect(results.get('b1')).toBe('done')
  })

  it('before it was asked is not sent', async () => {
    const { ask, sent, results } = create()
    await ask('a1', AbortSignal.abort())
    await Promise.resolve()
    expect(results.get('a1')).toMatchObject({ kind: 'not-executed' })
    expect(sent()).toEqual([])
  })
})

describe('a call that fails', () => {
  it.each(['57014', '40P01', '22003', '23505', '53200', 'XX000'])('by the statement, with %s, is asked again in halves until the one that spoils it is alone', async (code) => {
    const { ask, calls, sent, results } = create({ maxInFlight: 1 })
    await ask('x1 a1 b1 c1 d1')
    await calls[0]?.answer()
    const spoilt = () => createFault(code, 'spoilt')
    await calls[1]?.fail(spoilt())
    expect(sent().at(-1)).toBe('a1 b1')
    await calls[2]?.answer()
    expect(sent().at(-1)).toBe('c1 d1')
    await calls[3]?.fail(spoilt())
    await calls[4]?.fail(spoilt())
    await calls[5]?.answer()
    expect(sent()).toEqual(['x1', 'a1 b1 c1 d1', 'a1 b1', 'c1 d1', 'c1', 'd1'])
    expect(Object.fromEntries(results)).toEqual({ x1: 'done', a1: 'done', b1: 'done', c1: expect.any(LedgerFault) as unknown, d1: 'done' })
  })

  it.each<[string, Error]>([
    ['the connection was lost', createFault('', 'fetch failed')],
    ['the server is going down', createFault('57P01', 'terminating connection')],
    ['there are no connections left', createFault('53300', 'too many clients')],
    ['it may not be called', createFault('42501', 'permission denied')],
    ['something threw', new Error('boom')],
  ])('because %s is told to each, and not asked again here', async (_why, fault) => {
    const { ask, calls, results } = create({ maxInFlight: 1 })
    await ask('x1 a1 b1')
    await calls[0]?.answer()
    await calls[1]?.fail(fault)
    expect(calls).toHaveLength(2)
    expect([results.get('a1'), results.get('b1')]).toEqual([fault, fault])
    await ask('c1')
    expect(calls).toHaveLength(3)
  })

  it('to answer all of its requests leaves the rest unknown', async () => {
    const { ask, calls, results } = create({ maxInFlight: 1 })
    await ask('x1 a1 b1')
    await calls[0]?.answer()
    await calls[1]?.answerFirst()
    expect(results.get('a1')).toBe('done')
    expect(results.get('b1')).toMatchObject({ kind: 'unknown', code: 'bad-answer' })
  })

  it('has ten seconds', async () => {
    const { ask, calls } = create()
    await ask('a1')
    await vi.advanceTimersByTimeAsync(9_999)
    expect(calls[0]?.signal.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    expect(calls[0]?.signal.aborted).toBe(true)
    expect(calls[0]?.signal.reason).toMatchObject({ name: 'TimeoutError' })
  })
})

describe('a lane that someone else has locked', () => {
  const locked = { outcome: 'failed', code: '55P03' }

  it('travels by itself until it is free, so that the others do not wait for it', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 1 })
    await ask('x1 a1 b1')
    await calls[0]?.answer()
    await calls[1]?.answer({ a1: locked })
    await ask('a2 a3 b2 c1')
    expect(sent().slice(2)).toEqual(['a2', 'b2'])
    await calls[3]?.answer()
    await ask('b3')
    expect(sent().slice(2)).toEqual(['a2', 'b2', 'c1'])
    await calls[2]?.answer({ a2: locked })
    expect(sent().at(-1)).toBe('a3')
    await calls.at(-1)?.answer()
    await ask('a4 b4')
    await calls[4]?.answer()
    expect(sent().at(-1)).toBe('b3 a4 b4')
  })

  it('is remembered for two seconds, through the pause before a retry', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 1 })
    await ask('a1')
    await calls[0]?.answer({ a1: locked })
    await vi.advanceTimersByTimeAsync(1_900)
    await ask('b1 a2')
    expect(sent()).toEqual(['a1', 'b1', 'a2'])
    await calls[2]?.answer({ a2: locked })
    await calls[1]?.answer()
    await vi.advanceTimersByTimeAsync(2_100)
    await ask('b2 a3 b3')
    expect(sent().slice(3)).toEqual(['b2'])
    await calls[3]?.answer()
    expect(sent().slice(4)).toEqual(['a3 b3'])
  })

  it('gives up its place when its calls take long, and is then known to be slow', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 2 })
    await ask('a1 a2 a3 b1')
    await vi.advanceTimersByTimeAsync(300)
    expect(sent()).toEqual(['a1', 'a2'])
    await vi.advanceTimersByTimeAsync(200)
    expect(sent()).toEqual(['a1', 'a2', 'b1', 'a3'])
    await ask('c1 a4')
    expect(sent().slice(4)).toEqual(['c1'])
    await calls[0]?.answer()
    expect(sent()).toHaveLength(5)
    await calls[2]?.answer()
    expect(sent().slice(5)).toEqual(['a4'])
  })

  it('does so a bounded number of times: when everything is slow, more calls would not help', async () => {
    const { ask, sent } = create({ maxInFlight: 1 })
    for (let round = 0; round < 20; round += 1) {
      await ask(`${String.fromCharCode(97 + round)}1`)
      await vi.advanceTimersByTimeAsync(500)
    }
    expect(sent()).toHaveLength(5)
  })

  it('does not take the place of the others, however many lanes are locked', async () => {
    const { ask, calls, sent } = create({ maxInFlight: 2 })
    await ask('x1 y1 a1 b1 c1 d1')
    await calls[0]?.answer()
    await calls[2]?.answer({ a1: locked, b1: locked, c1: locked, d1: locked })
    await calls[1]?.answer()
    await ask('a2 b2 c2 d2 e1 f1 g1')
    expect(sent().slice(3)).toEqual(['a2', 'b2', 'e1', 'f1'])
  })
})
