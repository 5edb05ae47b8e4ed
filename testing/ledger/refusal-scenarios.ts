import type { Amounts } from 'creditgate'
import { assert, assertEqual, assertMatch } from '../assertion.ts'
import type { LedgerStory } from '../ledger-scenarios.ts'

const AMOUNTS: readonly unknown[] = [-1, 1.5, '1', null, true, 2_147_483_648, 1e300, [1], {}]
const LEASES: readonly unknown[] = [0, -5, 901, 1.5, '60', null]

/** What is refused, and what belongs to somebody else. */
export const refusalScenarios: readonly LedgerStory[] = [
  {
    name: 'knows its schema version and its credit types, among them ai and lead',
    async play({ ledger }) {
      const { version, creditTypes } = await ledger.version()
      assert(Number.isInteger(version) && version >= 1, `the version is a whole number, and not ${version}`)
      assertEqual(['ai', 'lead'].filter((type) => !creditTypes.includes(type)), [], 'the credit types that are missing')
    },
  },
  {
    name: 'finds no subscription for a user whose own is not active, or who has none',
    async play({ books, reserve }) {
      const account = await books.createAccount({ active: false })
      await books.addCredits(account)
      assertMatch((await reserve(account, { ai: 1 })).answer, { outcome: 'no_subscription' }, 'one that is not active')
      assertMatch((await reserve({ user: crypto.randomUUID() }, { ai: 1 })).answer, { outcome: 'no_subscription' }, 'none')
    },
  },
  {
    name: 'answers an array in order, each element for itself',
    async play({ ledger, books, expectUsed }) {
      const [rich, poor] = [await books.createAccount(), await books.createAccount()]
      const row = await books.addCredits(rich, { allotted: 3 })
      await books.addCredits(poor, { allotted: 0 })
      const request = (user: string, amounts: Record<string, unknown>, lease = 60) => ({ id: crypto.randomUUID(), user, amounts: amounts as Amounts, lease })
      const requests = [
        request(rich.user, { ai: 2 }),
        request(poor.user, { ai: 1 }),
        request(rich.user, { ai: 1.5 }),
        request(rich.user, { nothing: 1 }),
        request(rich.user, { ai: 1 }, 901),
        request('nobody', { ai: 1 }),
        request(rich.user, { ai: 1 }),
        request(rich.user, { ai: 1 }),
      ]
      const answers = await ledger.reserve(requests)
      const outcomes = ['reserved', 'insufficient', 'invalid', 'invalid', 'invalid', 'invalid', 'reserved', 'insufficient']
      assertMatch(answers, requests.map(({ id }, place) => ({ id, outcome: outcomes[place] })), 'the answers')
      await expectUsed(row, 3)
    },
  },
  ...AMOUNTS.map((amount): LedgerStory => ({
    name: `refuses the amount ${JSON.stringify(amount)} and writes nothing`,
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const amounts = { ai: amount as number }
      assertMatch((await reserve(account, amounts)).answer, { outcome: 'invalid' }, 'the reserve')
      const { id } = await reserve(account, { ai: 5 })
      const [committed] = await ledger.commit([{ id, amounts }])
      assert(committed?.outcome === 'invalid' || committed?.outcome === 'exceeds', `the commit is refused, and not ${JSON.stringify(committed)}`)
      await expectUsed(row, 5)
      await ledger.refund([{ id }])
    },
  })),
  ...LEASES.map((lease): LedgerStory => ({
    name: `refuses a lease of ${JSON.stringify(lease)}`,
    async play({ ledger, books, reserve }) {
      const account = await books.createAccount()
      const { id } = await reserve(account, { ai: 0 })
      assertMatch(await ledger.reserve([{ id: crypto.randomUUID(), user: account.user, amounts: { ai: 0 }, lease: lease as number }]), [{ outcome: 'invalid' }], 'the reserve')
      assertMatch(await ledger.extend([{ id, lease: lease as number }]), [{ outcome: 'invalid' }], 'the extension')
    },
  })),
  {
    name: 'does not find a reservation for another user',
    async play({ ledger, books, reserve, expectUsed }) {
      const [owner, other] = [await books.createAccount(), await books.createAccount()]
      const row = await books.addCredits(owner)
      const { id } = await reserve(owner, { ai: 5 })
      const stranger = { id, user: other.user }
      const answers = [...(await ledger.commit([stranger])), ...(await ledger.refund([stranger])), ...(await ledger.extend([{ ...stranger, lease: 60 }])), ...(await ledger.reverse([{ ...stranger, key: 'key' }]))]
      assertEqual(answers, answers.map(() => ({ id, outcome: 'not_found' })), 'what a stranger is told')
      assertEqual(answers.length, 4, 'how many answers there are')
      await expectUsed(row, 5)
      assertEqual(await ledger.refund([{ id, user: owner.user }]), [{ id, outcome: 'refunded' }], 'what the owner is told')
    },
  },
]
