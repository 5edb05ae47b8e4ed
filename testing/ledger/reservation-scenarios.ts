import { assert, assertEqual, assertMatch } from '../assertion.ts'
import type { LedgerStory } from '../ledger-scenarios.ts'

/** What becomes of a reservation. */
export const reservationScenarios: readonly LedgerStory[] = [
  {
    name: 'reserves, commits a part and gives the rest back',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10, used: 2, resetInDays: 30 })
      const { id, answer } = await reserve(account, { ai: 5 })
      assertMatch(answer, { id, outcome: 'reserved', subscription: account.subscription, amounts: { ai: 5 }, balances: { ai: { remaining: 3 } } }, 'the reserve')
      const resetsIn = answer?.outcome === 'reserved' ? answer.balances['ai']?.resetsIn : undefined
      assert(typeof resetsIn === 'number' && resetsIn > 30 * 86_400 - 60 && resetsIn <= 30 * 86_400, `the cycle ends in 30 days, not in ${String(resetsIn)} seconds`)
      await expectUsed(row, 7)
      assertEqual(await ledger.commit([{ id, amounts: { ai: 3 } }]), [{ id, outcome: 'committed', amounts: { ai: 3 } }], 'the commit')
      await expectUsed(row, 5)
      assertEqual(await ledger.commit([{ id, amounts: 3 }]), [{ id, outcome: 'committed', amounts: { ai: 3 } }], 'the same commit again, by a plain number')
      assertEqual(await ledger.commit([{ id, amounts: { ai: 4 } }]), [{ id, outcome: 'conflict', state: 'committed', amounts: { ai: 3 } }], 'another commit')
      assertEqual(await ledger.refund([{ id }]), [{ id, outcome: 'committed', amounts: { ai: 3 } }], 'a refund after the commit')
      await expectUsed(row, 5)
    },
  },
  {
    name: 'commits everything where no amount is named, and nothing where it is 0',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const [whole, none] = [await reserve(account, { ai: 5 }), await reserve(account, { ai: 7 })]
      assertEqual(await ledger.commit([{ id: whole.id }, { id: none.id, amounts: 0 }]), [{ id: whole.id, outcome: 'committed', amounts: { ai: 5 } }, { id: none.id, outcome: 'committed', amounts: { ai: 0 } }], 'the commits')
      await expectUsed(row, 5)
    },
  },
  {
    name: 'gives the same answer to the same reserve, and a conflict to another one under its id',
    async play({ books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const { id } = await reserve(account, { ai: 5 })
      assertMatch((await reserve(account, { ai: 5 }, id)).answer, { outcome: 'reserved', amounts: { ai: 5 }, balances: { ai: { remaining: 95 } } }, 'the same again')
      assertEqual((await reserve(account, { ai: 6 }, id)).answer, { id, outcome: 'conflict', state: 'open' }, 'another amount')
      await expectUsed(row, 5)
    },
  },
  {
    name: 'refuses a reserve that was refunded before it arrived',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const id = crypto.randomUUID()
      assertEqual(await ledger.refund([{ id, user: account.user }]), [{ id, outcome: 'refunded' }], 'the refund of nothing')
      assertEqual((await reserve(account, { ai: 5 }, id)).answer, { id, outcome: 'refunded' }, 'the reserve that comes too late')
      await expectUsed(row, 0)
    },
  },
  {
    name: 'gives everything back when a lease ends and nothing was reported, as the next reserve finds it',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10 })
      const { id } = await reserve(account, { ai: 10 })
      await books.endLease(id)
      assertMatch((await reserve(account, { ai: 4 })).answer, { outcome: 'reserved', balances: { ai: { remaining: 6 } } }, 'the next reserve')
      assertEqual(await ledger.commit([{ id }]), [{ id, outcome: 'expired' }], 'a commit after the lease')
      await expectUsed(row, 4)
    },
  },
  {
    name: 'keeps what was reported when a lease ends; a report only grows',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const { id } = await reserve(account, { ai: 10 })
      for (const [reported, kept] of [[4, 4], [2, 4]] as const) {
        assertEqual(await ledger.extend([{ id, lease: 60, reported: { ai: reported } }]), [{ id, outcome: 'extended', reported: { ai: kept } }], `the report of ${reported}`)
      }
      assertEqual(await ledger.extend([{ id, lease: 60, reported: { ai: 11 } }]), [{ id, outcome: 'exceeds', amounts: { ai: 10 } }], 'a report of more than was reserved')
      await books.endLease(id)
      assertEqual(await ledger.refund([{ id }]), [{ id, outcome: 'committed', amounts: { ai: 4 } }], 'the refund after the lease')
      await expectUsed(row, 4)
    },
  },
  {
    name: 'reserves several types all or nothing',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const ai = await books.addCredits(account, { allotted: 5 })
      const lead = await books.addCredits(account, { type: 'lead', allotted: 1 })
      assertMatch((await reserve(account, { ai: 2, lead: 2 })).answer, { outcome: 'insufficient', creditType: 'lead', required: 2, available: 1 }, 'too many leads')
      await expectUsed(ai, 0)
      const { id, answer } = await reserve(account, { ai: 2, lead: 1 })
      assertMatch(answer, { outcome: 'reserved', balances: { ai: { remaining: 3 }, lead: { remaining: 0 } } }, 'enough of both')
      assertMatch(await ledger.commit([{ id, amounts: 1 }]), [{ id, outcome: 'invalid' }], 'a plain number for two types')
      await ledger.commit([{ id, amounts: { ai: 1, lead: 0 } }])
      await expectUsed(ai, 1)
      await expectUsed(lead, 0)
    },
  },
  {
    name: 'reverses after a commit, once for each key, and no more than was kept',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const { id } = await reserve(account, { ai: 10 })
      assertEqual(await ledger.reverse([{ id, key: 'early' }]), [{ id, outcome: 'conflict', state: 'open' }], 'a reversal of what is open')
      await ledger.commit([{ id, amounts: 8 }])
      const first = [{ id, outcome: 'reversed', amounts: { ai: 3 }, returned: { ai: 3 } }]
      for (const what of ['the reversal', 'the same again']) assertEqual(await ledger.reverse([{ id, key: 'one', amounts: 3 }]), first, what)
      await expectUsed(row, 5)
      assertEqual(await ledger.reverse([{ id, key: 'one', amounts: 4 }]), [{ id, outcome: 'conflict', state: 'committed', amounts: { ai: 3 } }], 'the key with another amount')
      assertEqual(await ledger.reverse([{ id, key: 'two', amounts: 6 }]), [{ id, outcome: 'exceeds', amounts: { ai: 5 } }], 'more than is left')
      assertEqual(await ledger.reverse([{ id, key: 'three' }]), [{ id, outcome: 'reversed', amounts: { ai: 5 }, returned: { ai: 5 } }], 'all that is left')
      await expectUsed(row, 0)
    },
  },
  {
    name: 'lets one attempt of an idempotency key be open or committed at a time',
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const attempt = async (fingerprint = 'same', id = crypto.randomUUID()) => {
        const [answer] = await ledger.reserve([{ id, user: account.user, amounts: { ai: 5 }, lease: 60, idempotency: { key: 'key', fingerprint } }])
        return { id, answer }
      }
      const first = await attempt()
      assertMatch(first.answer, { outcome: 'reserved' }, 'the first attempt')
      const running = (await attempt()).answer
      assert(running?.outcome === 'in_progress' && running.endsIn > 0 && running.endsIn <= 60, `the second is in progress, and not ${JSON.stringify(running)}`)
      assertMatch((await attempt('other')).answer, { outcome: 'key_reused' }, 'another request under the key')
      await ledger.refund([{ id: first.id }])
      const second = await attempt()
      assertMatch(second.answer, { outcome: 'reserved' }, 'an attempt after a refund')
      await ledger.commit([{ id: second.id }])
      assertMatch((await attempt()).answer, { outcome: 'already_charged', reservation: second.id }, 'an attempt after a commit')
      await expectUsed(row, 5)
    },
  },
]
