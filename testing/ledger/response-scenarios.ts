import type { CommitAnswer, Ledger, ReserveAnswer, StoredAnswer } from 'creditgate'
import { assert, assertEqual, assertMatch } from '../assertion.ts'
import type { Account } from '../books.ts'
import type { LedgerStory } from '../ledger-scenarios.ts'

const BYTES = 'caf\u00e9 \0 and more, so that base64 needs a second line of it: 0123456789'
const RESPONSE: StoredAnswer = { status: 201, headers: { 'content-type': 'text/plain', location: '/a/1' }, body: btoa(BYTES) }

const WRONG: readonly unknown[] = [
  ...[null, {}, 'text', { ...RESPONSE, status: 99 }, { ...RESPONSE, headers: [] }, { ...RESPONSE, headers: { a: 1 } }],
  ...[{ ...RESPONSE, body: 'no base64!' }, { ...RESPONSE, body: 'abc' }],
]

/** Responses that are kept with their commit. */
export const responseScenarios: readonly LedgerStory[] = [
  {
    name: 'answers the next attempt of a key with the response that was kept with the commit, byte for byte',
    async play({ ledger, books }) {
      const account = await books.createAccount()
      await books.addCredits(account)
      const { id, attempt, commit } = await beginAttempt(ledger, account)
      assertEqual(await commit(RESPONSE), { id, outcome: 'committed', amounts: { ai: 5 } }, 'the commit')
      const { id: next, answer } = await attempt()
      assertEqual(answer, { id: next, outcome: 'already_charged', reservation: id, response: RESPONSE }, 'the next attempt')
    },
  },
  {
    name: 'keeps the response of the first commit, and not of one that is refused',
    async play({ ledger, books }) {
      const account = await books.createAccount()
      await books.addCredits(account)
      const { id, attempt, commit } = await beginAttempt(ledger, account)
      assertMatch(await commit({ ...RESPONSE, status: 500 }, 6), { outcome: 'exceeds' }, 'a commit of too much')
      await commit(RESPONSE)
      assertMatch(await commit({ ...RESPONSE, status: 500 }), { outcome: 'committed' }, 'the commit again, with another response')
      assertMatch((await attempt()).answer, { outcome: 'already_charged', reservation: id, response: { status: 201 } }, 'the next attempt')
    },
  },
  {
    name: 'has no response for the next attempt of a key where none was kept',
    async play({ ledger, books }) {
      const account = await books.createAccount()
      await books.addCredits(account)
      const { id, attempt, commit } = await beginAttempt(ledger, account)
      await commit(undefined)
      // What comes after the commit that counts is not kept.
      await commit(RESPONSE)
      const { id: next, answer } = await attempt()
      assertEqual(answer, { id: next, outcome: 'already_charged', reservation: id }, 'the next attempt')
    },
  },
  ...WRONG.map((wrong): LedgerStory => ({
    name: `refuses a commit with the response ${JSON.stringify(wrong)}`,
    async play({ ledger, books, expectUsed }) {
      const account = await books.createAccount()
      const row = await books.addCredits(account)
      const { id, commit } = await beginAttempt(ledger, account)
      assertMatch(await commit(wrong as StoredAnswer), { outcome: 'invalid' }, 'the commit')
      assertEqual(await ledger.refund([{ id }]), [{ id, outcome: 'refunded' }], 'the refund')
      await expectUsed(row, 0)
    },
  })),
]

interface Attempt {
  readonly id: string
  /** Asks for the same again, under an id of its own. */
  readonly attempt: () => Promise<{ readonly id: string; readonly answer: ReserveAnswer | undefined }>
  readonly commit: (response: StoredAnswer | undefined, ai?: number) => Promise<CommitAnswer | undefined>
}

/** Reserves 5 under a key. */
async function beginAttempt(ledger: Ledger, { user }: Account): Promise<Attempt> {
  const attempt = async (id = crypto.randomUUID() as string) => {
    const [answer] = await ledger.reserve([{ id, user, amounts: { ai: 5 }, lease: 60, idempotency: { key: 'key', fingerprint: 'same' } }])
    return { id, answer }
  }
  const { id, answer } = await attempt()
  assert(answer?.outcome === 'reserved', 'the first attempt is reserved')
  return {
    id,
    attempt: () => attempt(),
    commit: async (response, ai = 5) => (await ledger.commit([{ id, user, amounts: { ai }, ...(response === undefined ? {} : { response }) }]))[0],
  }
}
