import { createGuard, type Admission, type Gate, type GuardEvent } from 'creditgate'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** What a route may ask of the guard, down to the rows. */

let fixture: LedgerFixture
beforeAll(async () => {
  fixture = await (LEDGERS['PGlite']?.() ?? Promise.reject(new Error('there is no PGlite')))
})
afterEach(() => expectNoViolations(fixture.database))
afterAll(() => fixture.close())

const finished = { status: 200, threw: false, ended: 'finished', started: true } as const
type Admitted = Extract<Admission, { outcome: 'admitted' }>

async function arrange(allotted: number) {
  const { database, ledger } = fixture
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted })
  const events: GuardEvent[] = []
  const guard = createGuard({
    ledger,
    identity: { verify: (token) => Promise.resolve({ outcome: 'verified', user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) },
    onEvent: (event) => events.push(event),
  })
  const admit = (gate: Gate<object>) => gate.admit({ method: 'POST', authorization: `Bearer ${account.user}`, context: {} })
  return { guard, admit, events, account, readUsed: () => readUsed(database, row) }
}

it('in shadow mode a call is admitted, whatever there is, and nothing is held or charged', async () => {
  const { guard, admit, events, account, readUsed } = await arrange(10)
  const gate = guard.requireCredits<object>('ai', 6, { mode: 'shadow' })
  const admissions = [await admit(gate), await admit(gate)] as Admitted[]
  const dear = (await admit(guard.requireCredits<object>('ai', 11, { mode: 'shadow' }))) as Admitted
  expect([...admissions, dear].map(({ outcome, headers }) => [outcome, headers['Credits-Mode']])).toEqual(Array(3).fill(['admitted', 'shadow']))
  admissions[0]?.credits.commit(4)
  for (const admission of admissions) {
    await admission.settle(finished)
    await admission.settle(finished)
  }
  await dear.settle(finished)
  expect(events.filter(({ type }) => type === 'shadow-settled')).toMatchObject([{ amounts: { ai: 4 } }, { amounts: { ai: 6 } }])
  expect(events.filter(({ type }) => type === 'shadowed')).toMatchObject([{ amounts: { ai: 6 } }, { amounts: { ai: 6 } }, { problem: 'insufficient-credits' }])
  expect(await readUsed()).toBe(0)
  expect(await fixture.database.query('select from creditgate.reservations where user_id = $1', [account.user])).toEqual([])
})

it('where less will do, a call has what is left, and one that wants no more than the least requires all it wants', async () => {
  const { guard, admit, readUsed } = await arrange(10)
  const wants = async (amount: number) => admit(guard.requireCredits<object>('ai', amount, { affordable: { min: 5 } }))
  const admissions = [await wants(3), await wants(9), await wants(1), await wants(6)]
  expect(admissions.map((admission) => (admission.outcome === 'admitted' ? admission.credits.amount : admission.outcome === 'denied' && admission.problem.body))).toMatchObject([3, 7, { required: 1, available: 0 }, { required: 5, available: 0 }])
  for (const admission of admissions) if (admission.outcome === 'admitted') await admission.settle(finished)
  expect(await readUsed()).toBe(10)
})

it('what a handler used beyond what is reserved is charged where the route says so and there is enough', async () => {
  const { guard, admit, readUsed } = await arrange(10)
  const gate = guard.requireCredits<object>('ai', 3, { surplus: 'reserve-more' })
  for (const [actual, used] of [[5, 5], [7, 8]] as const) {
    const admission = (await admit(gate)) as Admitted
    admission.credits.commit(actual)
    await admission.settle(finished)
    expect(await readUsed()).toBe(used)
  }
})
