import { describe, expect, it } from 'vitest'
import { createLedger } from '../../../src/ledger/create-ledger.ts'
import type { CommitRequest, RefundRequest, ReserveRequest } from '../../../src/ledger/ledger.ts'

/** A ledger whose database has one answer, and what it was asked. */
function script(answer: unknown) {
  const asked: unknown[] = []
  const ledger = createLedger((_name, requests) => {
    asked.push(requests)
    return Promise.resolve(answer)
  })
  return { asked, ledger }
}

const reserves: readonly ReserveRequest[] = [
  { id: 'i', user: 'u', amounts: { ai: 2 }, lease: 60 },
  { id: 'j', user: 'v', amounts: { lead: 3 }, lease: 900 },
]
const reserved = { outcome: 'reserved', ids: ['i', 'j'], subscriptions: ['s', 't'], remaining: [97, null], resetsIn: [3600, null], resetsAt: ['2026-12-01T00:00:00Z', null], rest: {} }
const commits: readonly CommitRequest[] = reserves.map(({ id, user, amounts }) => ({ id, user, amounts }))
const refunds: readonly RefundRequest[] = reserves.map(({ id, user }) => ({ id, user }))
const badAnswer = { kind: 'unknown', code: 'bad-answer' }

describe('several requests', () => {
  it('are asked for by column, and what succeeds is read by column', async () => {
    const { asked, ledger } = script(reserved)
    expect(await ledger.reserve(reserves)).toEqual([
      { id: 'i', outcome: 'reserved', subscription: 's', amounts: { ai: 2 }, balances: { ai: { remaining: 97, resetsIn: 3600, resetsAt: '2026-12-01T00:00:00Z' } } },
      { id: 'j', outcome: 'reserved', subscription: 't', amounts: { lead: 3 }, balances: { lead: { remaining: null, resetsIn: null, resetsAt: null } } },
    ])
    expect(asked).toEqual([{ ids: ['i', 'j'], users: ['u', 'v'], creditTypes: ['ai', 'lead'], amounts: [2, 3], leases: [60, 900] }])
  })

  it('have columns for their idempotency keys where one has a key', async () => {
    const { asked, ledger } = script(reserved)
    await ledger.reserve([{ ...reserves[0] as ReserveRequest, idempotency: { key: 'k', fingerprint: 'f' } }, reserves[1] as ReserveRequest])
    expect(asked).toMatchObject([{ keys: ['k', null], fingerprints: ['f', null] }])
  })

  it('are committed and refunded by column', async () => {
    const committing = script({ outcome: 'committed', ids: ['i', 'j'], rest: {} })
    expect(await committing.ledger.commit(commits)).toEqual([{ id: 'i', outcome: 'committed', amounts: { ai: 2 } }, { id: 'j', outcome: 'committed', amounts: { lead: 3 } }])
    expect(committing.asked).toEqual([{ ids: ['i', 'j'], users: ['u', 'v'], creditTypes: ['ai', 'lead'], amounts: [2, 3] }])
    const refunding = script({ outcome: 'refunded', ids: ['i', 'j'], rest: {} })
    expect(await refunding.ledger.refund(refunds)).toEqual([{ id: 'i', outcome: 'refunded' }, { id: 'j', outcome: 'refunded' }])
    expect(refunding.asked).toEqual([{ ids: ['i', 'j'], users: ['u', 'v'] }])
  })

  it('find in the rest what did not succeed', async () => {
    const insufficient = { id: 'i', outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }
    const { ledger } = script({ ...reserved, ids: [null, 'j'], subscriptions: [null, 't'], resetsAt: [null, null], rest: { 0: insufficient } })
    expect(await ledger.reserve(reserves)).toMatchObject([insufficient, { id: 'j', outcome: 'reserved' }])
  })

  it('may be answered one by one as well', async () => {
    const { ledger } = script([{ id: 'i', outcome: 'failed', code: '55P03' }, { id: 'j', outcome: 'no_subscription' }])
    expect(await ledger.reserve(reserves)).toMatchObject([{ outcome: 'failed' }, { outcome: 'no_subscription' }])
  })

  it.each<[string, Partial<ReserveRequest>]>([
    ['several types', { amounts: { ai: 1, lead: 1 } }],
    ['no type', { amounts: {} }],
    ['an amount that may be less', { least: { ai: 1 } }],
    ['a session to look up', { session: 's' }],
    ['a dry run', { dryRun: true }],
    ['a member that has no column', { later: 1 } as object],
  ])('stay objects where one asks for more: %s', async (_what, more) => {
    const requests = [reserves[0] as ReserveRequest, { ...reserves[1] as ReserveRequest, ...more }]
    const { asked, ledger } = script(requests.map(({ id }) => ({ id, outcome: 'no_subscription' })))
    await ledger.reserve(requests)
    expect(asked).toEqual([requests])
  })

  it.each<[string, Partial<Record<keyof CommitRequest, unknown>>]>([
    ['whose user is not named', { user: undefined }],
    ['of all that was reserved', { amounts: undefined }],
    ['of a number without a type', { amounts: 1 }],
    ['of more than was reserved', { more: true }],
    ['that keeps its response', { response: { status: 200, headers: {}, body: '' } }],
  ])('stay objects where one is a commit %s', async (_what, more) => {
    const requests = [commits[0], { ...commits[1], ...more }] as CommitRequest[]
    const { asked, ledger } = script(requests.map(({ id }) => ({ id, outcome: 'not_found' })))
    await ledger.commit(requests)
    expect(asked).toEqual([requests])
  })
})

it('one request alone is an object', async () => {
  const { asked, ledger } = script([{ id: 'i', outcome: 'no_subscription' }])
  await ledger.reserve(reserves.slice(0, 1))
  expect(asked).toEqual([reserves.slice(0, 1)])
})

describe('an answer in columns counts as none', () => {
  it.each<[string, object]>([
    ['about other requests', { ids: ['i', 'k'] }],
    ['about the same ones in another order', { ids: ['j', 'i'] }],
    ['whose outcome is not known', { outcome: 'done' }],
    ['of another operation', { outcome: 'committed' }],
    ['with an id too few', { ids: ['i'] }],
    ['with an id too many', { ids: ['i', 'j', 'k'] }],
    ['with an id that is a number', { ids: ['i', 1] }],
    ['with neither an id nor an answer', { ids: ['i', null] }],
    ['without a column', { remaining: undefined }],
    ['with a column that is too short', { resetsIn: [3600] }],
    ['with a subscription that is none', { subscriptions: ['s', null] }],
    ['with a remainder that is text', { remaining: ['97', null] }],
    ['with a remainder that is no whole number', { remaining: [0.5, null] }],
    ['with a remainder too large to be exact', { remaining: [2 ** 53, null] }],
    ['with a time to its reset that is text', { resetsIn: ['3600', null] }],
    ['with a moment that is a number', { resetsAt: [1, null] }],
    ['without the rest', { rest: undefined }],
    ['with a list for the rest', { rest: [] }],
    ['with an answer in the rest that is about another request', { ids: ['i', null], rest: { 1: { id: 'k', outcome: 'no_subscription' } } }],
    ['with an answer in the rest that is none', { ids: ['i', null], rest: { 1: { id: 'j' } } }],
  ])('%s', async (_what, wrong) => {
    await expect(script({ ...reserved, ...wrong }).ledger.reserve(reserves)).rejects.toMatchObject(badAnswer)
  })

  it('to what was asked with objects', async () => {
    await expect(script({ outcome: 'refunded', ids: ['i'], rest: {} }).ledger.refund([{ id: 'i', user: 'u' }])).rejects.toMatchObject(badAnswer)
  })
})
