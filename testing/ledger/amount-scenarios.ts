import type { Amounts, ReserveRequest } from 'creditgate'
import { assertEqual, assertMatch } from '../assertion.ts'
import type { LedgerStory } from '../ledger-scenarios.ts'

const LEASTS: readonly unknown[] = [{}, { ai: -1 }, { ai: '1' }, 5, null]

/** Less or more than what was asked for, or nothing at all. */
export const amountScenarios: readonly LedgerStory[] = [
  {
    name: 'reserves what is left where less will do, and says how much it is, each time',
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 37 })
      const request = createRequest(account.user, { amounts: { ai: 50 }, least: { ai: 10 } })
      const reserved = [{ id: request.id, outcome: 'reserved', amounts: { ai: 37 }, balances: { ai: { remaining: 0 } } }]
      for (const what of ['the reserve', 'the same again']) assertMatch(await ledger.reserve([request]), reserved, what)
      assertEqual(await ledger.reserve([{ ...request, amounts: { ai: 37 } }]), [{ id: request.id, outcome: 'conflict', state: 'open' }], 'another amount')
      await expectUsed(row, 37)
      assertEqual(await ledger.commit([{ id: request.id, amounts: { ai: 38 } }]), [{ id: request.id, outcome: 'exceeds', amounts: { ai: 37 } }], 'a commit of more than was left')
      assertEqual(await ledger.commit([{ id: request.id }]), [{ id: request.id, outcome: 'committed', amounts: { ai: 37 } }], 'a commit of everything')
      await expectUsed(row, 37)
    },
  },
  {
    name: 'reserves all of it where there is enough, though less would do',
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 37 })
      assertMatch(await ledger.reserve([createRequest(account.user, { amounts: { ai: 20 }, least: { ai: 10 } })]), [{ outcome: 'reserved', amounts: { ai: 20 } }], 'the reserve')
      await expectUsed(row, 20)
    },
  },
  {
    name: 'finds less than the least insufficient, and a type without a least that is not there in full',
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const ai = await books.addCredits(account, { allotted: 37 })
      const lead = await books.addCredits(account, { type: 'lead', allotted: 1 })
      const tryFor = async (amounts: Amounts, least: Amounts) => (await ledger.reserve([createRequest(account.user, { amounts, least })]))[0]
      assertMatch(await tryFor({ ai: 50 }, { ai: 38 }), { outcome: 'insufficient', creditType: 'ai', required: 38, available: 37 }, 'a least of more than is left')
      assertMatch(await tryFor({ ai: 50, lead: 2 }, { ai: 10 }), { outcome: 'insufficient', creditType: 'lead', required: 2, available: 1 }, 'a type without a least')
      await expectUsed(ai, 0)
      assertMatch(await tryFor({ ai: 50, lead: 1 }, { ai: 37 }), { outcome: 'reserved', amounts: { ai: 37, lead: 1 } }, 'a least of just what is left')
      await expectUsed(ai, 37)
      await expectUsed(lead, 1)
    },
  },
  ...LEASTS.map((least): LedgerStory => ({
    name: `refuses the least ${JSON.stringify(least)} and writes nothing`,
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      assertMatch(await ledger.reserve([createRequest(account.user, { amounts: { ai: 5 }, least: least as Amounts })]), [{ outcome: 'invalid' }], 'the reserve')
      await expectUsed(row, 0)
    },
  })),
  {
    name: 'draws in addition what a commit exceeds its reservation by, once, and reverses that too',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 15 })
      const { id } = await reserve(account, { ai: 10 })
      const committed = [{ id, outcome: 'committed', amounts: { ai: 13 } }]
      for (const what of ['the commit', 'the same again']) assertEqual(await ledger.commit([{ id, amounts: { ai: 13 }, more: true }]), committed, what)
      await expectUsed(row, 13)
      assertEqual((await reserve(account, { ai: 10 }, id)).answer, committed[0], 'its reserve, late')
      assertEqual(await ledger.reverse([{ id, key: 'all' }]), [{ id, outcome: 'reversed', amounts: { ai: 13 }, returned: { ai: 13 } }], 'the reversal')
      await expectUsed(row, 0)
    },
  },
  {
    name: 'charges what was reserved where there is not enough to draw in addition of every type',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const ai = await books.addCredits(account, { allotted: 15 })
      const lead = await books.addCredits(account, { type: 'lead', allotted: 3 })
      const { id } = await reserve(account, { ai: 10, lead: 2 })
      const committed = [{ id, outcome: 'committed', amounts: { ai: 10, lead: 2 } }]
      for (const what of ['the commit', 'the same again']) assertEqual(await ledger.commit([{ id, amounts: { ai: 11, lead: 4 }, more: true }]), committed, what)
      await expectUsed(ai, 10)
      await expectUsed(lead, 2)
    },
  },
  {
    name: 'commits less as ever where more may be drawn',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const { id } = await reserve(account, { ai: 10 })
      assertEqual(await ledger.commit([{ id, amounts: { ai: 4 }, more: true }]), [{ id, outcome: 'committed', amounts: { ai: 4 } }], 'the commit')
      assertEqual(await ledger.commit([{ id, amounts: { ai: 5 }, more: true }]), [{ id, outcome: 'conflict', state: 'committed', amounts: { ai: 4 } }], 'another commit')
      await expectUsed(row, 4)
    },
  },
  {
    name: 'gives back to each cycle by itself what was drawn in addition in a later one',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 15, resetInDays: 30 })
      const { id } = await reserve(account, { ai: 10 })
      await books.ageCycle(row, 31)
      assertEqual(await ledger.commit([{ id, amounts: { ai: 14 }, more: true }]), [{ id, outcome: 'committed', amounts: { ai: 14 } }], 'the commit')
      await expectUsed(row, 4)
      assertMatch(await ledger.reverse([{ id, key: 'a', amounts: { ai: 5 } }]), [{ outcome: 'reversed', returned: { ai: 4 } }], 'the reversal of 5')
      assertMatch(await ledger.reverse([{ id, key: 'b' }]), [{ outcome: 'reversed', amounts: { ai: 9 }, returned: { ai: 0 } }], 'the reversal of the rest')
      await expectUsed(row, 0)
    },
  },
  {
    name: 'answers a dry run as it would the reserve, and holds nothing',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const request = createRequest(account.user, { amounts: { ai: 30 }, dryRun: true })
      const answer = { id: request.id, outcome: 'reserved', subscription: account.subscription, amounts: { ai: 30 }, balances: { ai: { remaining: 70 } } }
      assertMatch(await ledger.reserve([request]), [answer], 'the dry run')
      assertMatch(await ledger.reserve([createRequest(account.user, { amounts: { ai: 101 }, dryRun: true })]), [{ outcome: 'insufficient', required: 101, available: 100 }], 'a dry run of too much')
      assertMatch(await ledger.reserve([createRequest(account.user, { amounts: { ai: 101 }, least: { ai: 1 }, dryRun: true })]), [{ outcome: 'reserved', amounts: { ai: 100 } }], 'a dry run of what is left')
      await expectUsed(row, 0)
      assertEqual(await books.listStates(account), [], 'the reservations')
      assertMatch((await reserve(account, { ai: 30 }, request.id)).answer, answer, 'the reserve, under the same id')
      await expectUsed(row, 30)
    },
  },
]

function createRequest(user: string, request: Omit<ReserveRequest, 'id' | 'user' | 'lease'>): ReserveRequest {
  return { id: crypto.randomUUID(), user, lease: 60, ...request }
}
