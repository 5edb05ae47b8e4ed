import { describe, expect, it } from 'vitest'
import { createFault, LedgerFault } from '../../src/ledger/fault.ts'
import { createOperations, type Operations } from '../../src/operations.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createScriptedLedger, type Call, type Step } from './scripted-ledger.ts'

const id = '0198f6b4-0000-7000-8000-000000000000'
const subscription = '1a2b3c4d-0000-4000-8000-000000000000'

type Case = readonly [operation: Call['operation'], call: (operations: Operations) => Promise<unknown>, request: object]

const CASES: readonly Case[] = [
  ['commit', (operations) => operations.commit(id), { id }],
  ['commit', (operations) => operations.commit(id, 0), { id, amounts: 0 }],
  ['commit', (operations) => operations.commit(id, { ai: 2, lead: 1 }), { id, amounts: { ai: 2, lead: 1 } }],
  ['refund', (operations) => operations.refund(id), { id }],
  ['extend', (operations) => operations.extend(id, { leaseSeconds: 60 }), { id, lease: 60 }],
  ['extend', (operations) => operations.extend(id, { leaseSeconds: 60, reported: 3 }), { id, lease: 60, reported: 3 }],
  ['reverse', (operations) => operations.reverse(id, { key: 'k' }), { id, key: 'k' }],
  ['reverse', (operations) => operations.reverse(id, { key: 'k', amount: 2 }), { id, key: 'k', amounts: 2 }],
  ['reset', (operations) => operations.reset({ subscription, creditType: 'ai', key: 'k' }), { subscription, creditType: 'ai', key: 'k' }],
  ['sweep', (operations) => operations.sweep(), {}],
  ['sweep', (operations) => operations.sweep({ most: 5 }), { most: 5 }],
  ['prune', (operations) => operations.prune(), {}],
  ['prune', (operations) => operations.prune({ olderThanDays: 30, most: 5 }), { olderThanDays: 30, most: 5 }],
]

describe.each(CASES)('%s', (operation, call, request) => {
  const run = (steps: Step[]) => {
    const ledger = createScriptedLedger({ [operation]: steps })
    return { ledger, answer: call(createOperations(ledger, createSharedTimeouts(3_000))) }
  }

  it('asks for just that, and hands on the answer whatever it says', async () => {
    const { ledger, answer } = run([{ outcome: 'expired' }])
    expect(await answer).toMatchObject({ outcome: 'expired' })
    expect(ledger.calls.map((made) => made.request)).toEqual([request])
  })

  it('asks the same again after a lost reply and after one known not to have been executed', async () => {
    const { ledger, answer } = run([createFault('', 'fetch failed'), createFault('40P01', 'deadlock'), { outcome: 'done' }])
    expect(await answer).toMatchObject({ outcome: 'done' })
    expect(ledger.calls.map((made) => made.request)).toEqual([request, request, request])
  })

  it('rejects with the fault when there is no answer', async () => {
    await expect(run([createFault('', 'fetch failed')]).answer).rejects.toMatchObject({ kind: 'unknown', message: 'fetch failed' })
    await expect(run([createFault('PGRST202', 'no function')]).answer).rejects.toThrow(LedgerFault)
  })
})
