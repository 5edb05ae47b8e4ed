import { assert, assertEqual, assertMatch } from '../assertion.ts'
import type { LedgerStory } from '../ledger-scenarios.ts'

/** Rows, their order, and their cycles. */
export const cycleScenarios: readonly LedgerStory[] = [
  {
    name: 'spends rows that reset soonest first and top-ups last, and refunds to the rows drawn from',
    async play({ ledger, books, reserve }) {
      const account = await books.createAccount()
      const topUp = await books.addCredits(account, { allotted: 50 })
      const monthly = await books.addCredits(account, { allotted: 10, resetInDays: 30 })
      const weekly = await books.addCredits(account, { allotted: 10, resetInDays: 7 })
      const expectUsed = async (expected: readonly number[], when: string) => {
        const found = []
        for (const row of [weekly, monthly, topUp]) found.push((await books.readRow(row)).used)
        assertEqual(found, expected, `weekly, monthly and top-up ${when}`)
      }
      const first = await reserve(account, { ai: 8 })
      await expectUsed([8, 0, 0], 'after 8')
      const second = await reserve(account, { ai: 20 })
      await expectUsed([10, 10, 8], 'after 20 more')
      await ledger.commit([{ id: second.id, amounts: { ai: 3 } }])
      await expectUsed([10, 1, 0], 'after a commit of 3')
      await ledger.refund([{ id: first.id }])
      await expectUsed([2, 1, 0], 'after a refund of the 8')
    },
  },
  {
    name: 'resets a cycle that is over before it draws, and leaves the new cycle alone when an older draw is refunded',
    async play({ ledger, books, reserve }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10, resetInDays: 30 })
      const before = await reserve(account, { ai: 10 })
      await books.ageCycle(row, 65)
      assertMatch((await reserve(account, { ai: 4 })).answer, { outcome: 'reserved', balances: { ai: { remaining: 6 } } }, 'the reserve in the new cycle')
      await ledger.refund([{ id: before.id }])
      const { cycleSeconds, ...written } = await books.readRow(row)
      assertEqual(written, { used: 4, cycle: 2 }, 'the row, two whole cycles on')
      assert(Math.abs(cycleSeconds - 5 * 86_400) < 60, `the cycle has been running for 5 days, not for ${cycleSeconds} seconds`)
    },
  },
  {
    name: 'begins a new cycle when it is told to, once for each key, and not for top-ups',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const monthly = await books.addCredits(account, { allotted: 10, resetInDays: 30 })
      const topUp = await books.addCredits(account, { allotted: 10 })
      await reserve(account, { ai: 13 })
      const request = { subscription: account.subscription, creditType: 'ai', key: 'invoice-1' }
      const done = [{ subscription: account.subscription, outcome: 'reset', creditType: 'ai', rows: 1 }]
      assertEqual(await ledger.reset([request]), done, 'the reset')
      await expectUsed(monthly, 0)
      await expectUsed(topUp, 3)
      await reserve(account, { ai: 4 })
      assertEqual(await ledger.reset([request]), done, 'the same again')
      await expectUsed(monthly, 4)
      const subscription = crypto.randomUUID()
      assertEqual(await ledger.reset([{ ...request, subscription }]), [{ subscription, outcome: 'not_found' }], 'an unknown subscription')
    },
  },
  {
    name: 'gives nothing back to a cycle that has begun since a commit',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10, resetInDays: 30 })
      const { id } = await reserve(account, { ai: 6 })
      await ledger.commit([{ id }])
      await books.ageCycle(row, 31)
      await reserve(account, { ai: 5 })
      assertEqual(await ledger.reverse([{ id, key: 'late' }]), [{ id, outcome: 'reversed', amounts: { ai: 6 }, returned: { ai: 0 } }], 'the reversal')
      await expectUsed(row, 5)
    },
  },
  {
    name: 'sweeps what is over, so that other readers see it too',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const held = await books.addCredits(account, { type: 'lead', allotted: 10 })
      const old = await books.addCredits(account, { allotted: 10, resetInDays: 30 })
      const { id } = await reserve(account, { lead: 10 })
      await ledger.commit([{ id: (await reserve(account, { ai: 6 })).id }])
      await books.endLease(id)
      await books.ageCycle(old, 31)
      // Other scenarios may have left something to be swept.
      for (let more = true; more; ) {
        const step = await ledger.sweep({ most: 1000 })
        assertMatch(step, { outcome: 'swept' }, 'a step of the sweep')
        more = step.outcome === 'swept' && step.more
      }
      await expectUsed(held, 0)
      await expectUsed(old, 0)
      assertEqual(await books.listStates(account), ['committed', 'expired'], 'the reservations')
    },
  },
  {
    name: 'prunes nothing that ended lately',
    async play({ ledger, books, reserve }) {
      const account = await books.createAccount()
      await books.addCredits(account)
      const { id } = await reserve(account, { ai: 6 })
      await ledger.commit([{ id }])
      assertMatch(await ledger.prune({ olderThanDays: 1 }), { outcome: 'pruned', pruned: 0, more: false }, 'a step of the pruning')
      assertEqual(await books.listStates(account), ['committed'], 'the reservations')
    },
  },
  {
    name: 'records what an unlimited row uses and bounds it by nothing',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: null, used: 7 })
      const { id, answer } = await reserve(account, { ai: 1_000_000 })
      assertMatch(answer, { outcome: 'reserved', balances: { ai: { remaining: null } } }, 'the reserve')
      await ledger.commit([{ id }])
      await expectUsed(row, 1_000_007)
    },
  },
  {
    name: 'draws nothing from a row whose used is already past what it was allotted',
    async play({ books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10, used: 25 })
      assertMatch((await reserve(account, { ai: 1 })).answer, { outcome: 'insufficient', available: 0, resetsAt: null }, 'the reserve of 1')
      assertMatch((await reserve(account, { ai: 0 })).answer, { outcome: 'reserved', balances: { ai: { remaining: 0 } } }, 'the reserve of 0')
      await expectUsed(row, 25)
    },
  },
  {
    name: 'never takes used below zero when another writer has reset it',
    async play({ ledger, books, reserve, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account, { allotted: 10 })
      const { id } = await reserve(account, { ai: 6 })
      await books.writeUsed(row, 0)
      await ledger.refund([{ id }])
      await expectUsed(row, 0)
    },
  },
]
