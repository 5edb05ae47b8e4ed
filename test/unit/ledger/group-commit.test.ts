import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Deadline } from '../../../src/give-up.ts'
import { createGroupCommit } from '../../../src/ledger/group-commit.ts'
import type { Ledger, ReserveRequest } from '../../../src/ledger/ledger.ts'
import { createSharedTimeouts } from '../../../src/timeouts.ts'
import { createScriptedLedger } from '../scripted-ledger.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** A user's subscription is its first letter. Calls take a second. */
function create({ maxBatch = 256, maxInFlight = 1 } = {}) {
  const sent: string[] = []
  const signals: unknown[] = []
  const after = <Answer>(answers: Answer): Promise<Answer> => new Promise((resolve) => setTimeout(resolve, 100, answers))
  const ledger: Ledger = {
    ...createScriptedLedger(),
    reserve(requests, signal) {
      sent.push(requests.map(({ id }) => id).join(' '))
      signals.push(signal)
      return after(requests.map(({ id, user, amounts }) => ({ id, outcome: 'reserved', subscription: user.slice(0, 1), amounts, balances: {} })))
    },
    refund(requests) {
      sent.push(requests.map(({ id }) => `-${id}`).join(' '))
      return after(requests.map(({ id }) => ({ id, outcome: 'refunded' })))
    },
  }
  return { ledger: createGroupCommit(ledger, { maxBatch, maxInFlight, maxWaiting: 1_000 }), sent, signals }
}
const request = (id: string, user = id): ReserveRequest => ({ id, user, amounts: { ai: 1 }, lease: 60 })

it('one request and several are answered in their order, whatever they travelled with', async () => {
  const { ledger, sent } = create()
  const answers = Promise.all([ledger.reserve([request('a')]), ledger.reserve([request('b'), request('c')]), ledger.reserve([])])
  await vi.advanceTimersByTimeAsync(200)
  expect((await answers).map((each) => each.map(({ id }) => id))).toEqual([['a'], ['b', 'c'], []])
  expect(sent).toEqual(['a b c'])
})

it('operations do not wait for one another', async () => {
  const { ledger, sent } = create()
  void ledger.reserve([request('a')])
  void ledger.refund([{ id: 'b' }])
  await Promise.resolve()
  expect(sent).toEqual(['a', '-b'])
})

it('users take turns by their subscription, once an answer has named it', async () => {
  const { ledger, sent } = create({ maxBatch: 1 })
  for (const user of ['s1', 's2', 't1']) void ledger.reserve([request(user)])
  await vi.advanceTimersByTimeAsync(1_000)
  for (const user of ['s1', 's2', 't1']) void ledger.reserve([request(`${user} again`, user)])
  void ledger.reserve([request('s1 last', 's1')])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(sent.slice(3)).toEqual(['s1 again', 't1 again', 's2 again', 's1 last'])
  for (const [id, user] of [['1', 's1'], ['2', 's2'], ['3', 's1'], ['4', 't1']] as const) void ledger.reserve([request(id, user)])
  await vi.advanceTimersByTimeAsync(1_000)
  expect(sent.slice(7)).toEqual(['1', '4', '2', '3'])
})

it('a call gets a real AbortSignal, though its elements have a lighter one', async () => {
  const { ledger, signals } = create()
  const answered = ledger.reserve([request('a')], new Deadline(createSharedTimeouts(1_000)))
  await vi.advanceTimersByTimeAsync(100)
  expect(await answered).toMatchObject([{ id: 'a', outcome: 'reserved' }])
  expect(signals).toEqual([expect.any(AbortSignal)])
})

it('a request is given up at its deadline', async () => {
  const { ledger } = create()
  const sent = ledger.reserve([request('a')], new Deadline(createSharedTimeouts(50)))
  await Promise.resolve()
  const unsent = ledger.reserve([request('b')], new Deadline(createSharedTimeouts(50)))
  const outcomes = Promise.allSettled([sent, unsent])
  await vi.advanceTimersByTimeAsync(50)
  expect(await outcomes).toMatchObject([
    { status: 'rejected', reason: { kind: 'unknown', code: 'timeout' } },
    { status: 'rejected', reason: { kind: 'not-executed', code: 'busy' } },
  ])
})
