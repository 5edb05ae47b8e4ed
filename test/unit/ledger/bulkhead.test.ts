import { describe, expect, it } from 'vitest'
import { createBulkhead } from '../../../src/ledger/bulkhead.ts'
import { LedgerFault } from '../../../src/ledger/fault.ts'
import type { Ledger, ReserveAnswer } from '../../../src/ledger/ledger.ts'
import { createScriptedLedger } from '../scripted-ledger.ts'

interface Pending {
  readonly id: string
  end(outcome?: 'fails'): Promise<void>
}

/** A ledger whose reserves end when they are told to. Users of one letter belong to the subscription of that letter. */
function create(): { readonly ledger: Ledger; readonly inFlight: Pending[] } {
  const inFlight: Pending[] = []
  const settle = async () => {
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
  }
  const inner: Ledger = {
    ...createScriptedLedger({ commit: { outcome: 'committed', amounts: {} }, refund: { outcome: 'refunded' } }),
    reserve: (requests) =>
      new Promise((resolve, reject) => {
        const { id, user } = requests[0] as { id: string; user: string }
        const pending: Pending = {
          id,
          end(outcome) {
            inFlight.splice(inFlight.indexOf(pending), 1)
            const answer: ReserveAnswer = { id, outcome: 'reserved', subscription: user[0] as string, amounts: {}, balances: {} }
            if (outcome === 'fails') reject(new LedgerFault('not-executed', '55P03', 'lock timeout'))
            else resolve([answer])
            return settle()
          },
        }
        inFlight.push(pending)
      }),
  }
  return { ledger: createBulkhead(inner), inFlight }
}

const reserve = (ledger: Ledger, user: string, id: string, signal?: AbortSignal) => ledger.reserve([{ id, user, amounts: { ai: 1 }, lease: 60 }], signal)
const ids = (inFlight: readonly Pending[]) => inFlight.map(({ id }) => id)

describe('of the calls of one user', () => {
  it('two are in flight and the rest follow in order, one for one', async () => {
    const { ledger, inFlight } = create()
    const all = ['1', '2', '3', '4'].map((id) => reserve(ledger, 'a', id))
    expect(ids(inFlight)).toEqual(['1', '2'])
    await inFlight[1]?.end()
    expect(ids(inFlight)).toEqual(['1', '3'])
    await inFlight[0]?.end('fails')
    expect(ids(inFlight)).toEqual(['3', '4'])
    while (inFlight[0]) await inFlight[0].end()
    expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled'])
    void reserve(ledger, 'a', '5')
    void reserve(ledger, 'a', '6')
    expect(ids(inFlight)).toEqual(['5', '6'])
  })

  it('settlements count as well', async () => {
    const { ledger, inFlight } = create()
    const reserving = ['1', '2'].map((id) => reserve(ledger, 'a', id))
    let committed = false
    const committing = ledger.commit([{ id: '3', user: 'a' }]).then(() => (committed = true))
    await Promise.resolve()
    expect(committed).toBe(false)
    await inFlight[0]?.end()
    await committing
    await inFlight[0]?.end()
    await Promise.all(reserving)
  })

  it('one that is given up while it waits was never sent, and holds up nobody', async () => {
    const { ledger, inFlight } = create()
    const controller = new AbortController()
    const all = ['1', '2'].map((id) => reserve(ledger, 'a', id))
    const givenUp = reserve(ledger, 'a', '3', controller.signal)
    const last = reserve(ledger, 'a', '4')
    controller.abort()
    await expect(givenUp).rejects.toMatchObject({ kind: 'not-executed', code: 'busy' })
    await expect(Promise.all([reserve(ledger, 'a', '5', controller.signal)])).rejects.toMatchObject({ kind: 'not-executed' })
    while (inFlight[0]) {
      expect(ids(inFlight)).not.toContain('3')
      await inFlight[0].end()
    }
    await Promise.all([...all, last])
  })
})

it('other users do not wait', () => {
  const { ledger, inFlight } = create()
  for (const id of ['1', '2', '3']) void reserve(ledger, 'a', id)
  for (const id of ['4', '5']) void reserve(ledger, 'b', id)
  expect(ids(inFlight)).toEqual(['1', '2', '4', '5'])
})

it('users of one subscription share its two places, once that is known', async () => {
  const { ledger, inFlight } = create()
  const first = ['a1', 'a2', 'a3'].map((user) => reserve(ledger, user, user))
  expect(ids(inFlight)).toEqual(['a1', 'a2', 'a3'])
  while (inFlight[0]) await inFlight[0].end()
  await Promise.all(first)
  for (const user of ['a1', 'a2', 'a3']) void reserve(ledger, user, `${user} again`)
  expect(ids(inFlight)).toEqual(['a1 again', 'a2 again'])
})

it('an array passes', () => {
  const { ledger, inFlight } = create()
  for (const id of ['1', '2', '3']) void ledger.reserve([{ id, user: 'a', amounts: { ai: 1 }, lease: 60 }, { id: 'x', user: 'a', amounts: { ai: 1 }, lease: 60 }])
  expect(ids(inFlight)).toEqual(['1', '2', '3'])
})
