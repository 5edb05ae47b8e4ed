import fc from 'fast-check'
import { createGuard, decideSettlement, type Admission, type GuardEvent, type Outcome } from 'creditgate'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createLedger } from '../../src/ledger/create-ledger.ts'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { createFaultyCall, type CallFault } from './faulty-call.ts'
import { createRace, giveTimersBack, takeTimers } from './race.ts'
import { allowSeconds, createRuns, expectSeen } from './runs.ts'
import { createStages, type Stage } from './stage.ts'

/** Calls race through the real guard and the real SQL, and everything between the two may be lost, late or garbled. */

let fixture: LedgerFixture
let openStages: (count: number) => Promise<Stage[]>
beforeAll(async () => {
  fixture = await (LEDGERS['PGlite']?.() ?? Promise.reject(new Error('there is no PGlite')))
  openStages = createStages(fixture)
})
afterAll(() => fixture.close())
beforeEach(takeTimers)
afterEach(giveTimersBack)

/** One request, and what its handler makes of it. */
interface Plan {
  readonly guard: 0 | 1
  readonly key: string | undefined
  readonly amount: number
  readonly statement: { readonly kind: 'nothing' | 'commit' | 'refund' | 'report'; readonly amount: number }
  readonly outcome: Outcome
}

const plan: fc.Arbitrary<Plan> = fc
  .record({
  guard: fc.constantFrom(0, 1),
  key: fc.constantFrom('k0', 'k0', 'k0', 'k1', undefined),
  amount: fc.nat({ max: 4 }),
  statement: fc.record({ kind: fc.constantFrom('nothing', 'nothing', 'commit', 'refund', 'report'), amount: fc.nat({ max: 4 }) }),
  outcome: fc.record({
    status: fc.constantFrom(200, 200, 200, 500),
    threw: fc.constantFrom(false, false, false, true),
    ended: fc.constantFrom('finished', 'finished', 'aborted', 'failed'),
    started: fc.boolean(),
  }),
})
  .map((each) => Object.assign(each, { [fc.toStringMethod]: () => describePlan(each) }))
const faults = fc.array(fc.constantFrom<CallFault[]>('none', 'none', 'none', 'none', 'none', 'none', 'request lost', 'reply lost', 'late', 'late', 'silent', 'garbage', 'garbage instead', 'locked'), { maxLength: 12, size: 'max' })

function describePlan({ guard, key, amount, statement, outcome }: Plan): string {
  const said = statement.kind === 'nothing' || statement.kind === 'refund' ? statement.kind : `${statement.kind} ${statement.amount}`
  return `guard ${guard} key ${key ?? 'none'} amount ${amount}, says ${said}, ${outcome.status} ${outcome.threw ? 'threw ' : ''}${outcome.ended}${outcome.started ? ' started' : ''}`
}

interface Ended {
  readonly id: string
  readonly state: string
  readonly key: string | null
  readonly kept: number
}

const digest = crypto.subtle.digest.bind(crypto.subtle)

const LIST = `
select r.id, r.state, r.idempotency_key as key, coalesce((select sum(a.kept) from unnest(r.allocations) a), 0)::int as kept
from creditgate.reservations r`

/** What is known of one call that was admitted. */
interface Admitted {
  readonly id: string
  readonly wanted: ReturnType<typeof decideSettlement>
}

it('a key is charged once, nothing stays held, and every call ends as its outcome asks or says that it did not', { timeout: allowSeconds(30) }, async () => {
  const seen = { admitted: 0, denied: 0, unsettled: 0, charged: 0 }
  const property = fc.asyncProperty(fc.scheduler(), fc.array(plan, { minLength: 2, maxLength: 4 }), faults, fc.integer({ min: 1, max: 20 }), fc.constantFrom(0, 0, 0, 1, 2), async (scheduler, plans, given, allotted, pauses) => {
    const [stage] = await openStages(1)
    if (stage === undefined) throw new Error('there is no stage')
    await stage.perform({ operation: 'insert', rows: [{ id: crypto.randomUUID(), type: 'ai', allotted, used: 0, resetDays: null }] })
    const race = createRace(scheduler, async (seconds) => {
      await stage.perform({ operation: 'advance', seconds })
    })
    vi.spyOn(crypto.subtle, 'digest').mockImplementation((algorithm, data) => race.track(digest(algorithm, data)))
    const faulty = createFaultyCall(fixture.database, { scheduler, faults: given, track: (work) => race.track(work) })
    const events: GuardEvent[] = []
    const guards = [0, 1].map(() =>
      createGuard({
        ledger: createLedger(faulty.call),
        identity: { verify: (token) => Promise.resolve({ outcome: 'verified', user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) },
        onEvent: (event) => events.push(event),
      }),
    )
    const gates = guards.map((guard) => guard.requireCredits<{ readonly amount: number }>('ai', ({ amount }) => amount))

    const pass = (label: string) => scheduler.schedule(Promise.resolve(), label)
    const list = () => race.track(fixture.database.query<Ended>(LIST))
    const running = new Map<string, string | undefined>()
    const admitted: Admitted[] = []

    async function handle(index: number, { statement, outcome, key }: Plan, admission: Extract<Admission, { outcome: 'admitted' }>): Promise<void> {
      const { credits } = admission
      const { id } = credits
      const rivals = [...running].filter(([, other]) => key !== undefined && other === key).map(([other]) => other)
      running.set(id, key)
      if (rivals.length > 0) {
        const states = (await list()).filter((each) => rivals.includes(each.id)).map(({ state }) => state)
        expect(states, 'no other handler of the key is at work with a lease').not.toContain('open')
      }
      await pass(`handler ${index} works`)
      if (statement.kind === 'commit') credits.commit(statement.amount)
      if (statement.kind === 'report') credits.report(statement.amount)
      if (statement.kind === 'refund') credits.refund()
      await pass(`response ${index} ends`)
      running.delete(id)
      const within = Math.min(statement.amount, credits.amount)
      const wanted = decideSettlement(outcome, {
        reserved: credits.amounts,
        actual: statement.kind === 'commit' ? { ai: within } : undefined,
        refund: statement.kind === 'refund',
        reported: statement.kind === 'report' ? { ai: within } : undefined,
        metered: statement.kind === 'report',
      })
      admitted.push({ id, wanted })
      await admission.settle(outcome)
    }

    async function request(index: number, each: Plan): Promise<void> {
      await pass(`request ${index} comes`)
      const admission = await gates[each.guard]?.admit({
        method: 'POST',
        authorization: `Bearer ${stage?.account.user}`,
        context: { amount: each.amount },
        idempotencyKey: each.key,
        describe: () => ({ route: '/generate', url: '/generate', body: undefined }),
      })
      if (admission?.outcome === 'admitted') await handle(index, each, admission)
      else expect(admission?.outcome === 'denied' && admission.problem.name).toMatch(/^(insufficient-credits|request-in-progress|already-charged|credits-unavailable)$/)
    }

    const work = Promise.all(plans.map((each, index) => request(index, each))).then(() => Promise.all(guards.map((guard) => guard.close({ withinSeconds: 1_000 }))))
    await race.drive(work, pauses)
    expect(await work, 'all is settled').toEqual([0, 0])
    expect(faulty.thrown).toEqual([])

    const unsettled = new Set(events.flatMap((event) => (event.type === 'unsettled' ? [event.reservation] : [])))
    if (pauses === 0 && given.filter((fault) => fault !== 'none').length <= 3) expect([...unsettled], 'a few faults are outlasted').toEqual([])
    const ended = new Map((await list()).map((each) => [each.id, each]))
    for (const { id, wanted } of admitted) {
      const { state, kept } = ended.get(id) ?? { state: 'not there', kept: 0 }
      if (unsettled.has(id)) continue
      if (wanted.outcome === 'commit') expect({ state, kept }, 'what its outcome asks for').toEqual({ state: 'committed', kept: wanted.amounts['ai'] })
      else expect(state, 'what its outcome asks for').toMatch(/^(refunded|expired)$/)
    }
    const ids = new Set(admitted.map(({ id }) => id))
    for (const { id, state } of ended.values()) {
      if (!unsettled.has(id)) expect(state, 'nothing is held after all is settled').not.toBe('open')
      if (!ids.has(id)) expect(state, 'who was denied is not charged').not.toBe('committed')
    }
    const charged = [...ended.values()].filter(({ state, key }) => state === 'committed' && key !== null).map(({ key }) => key)
    expect(new Set(charged).size, 'a key is charged once').toBe(charged.length)

    await stage.perform({ operation: 'advance', seconds: 1_000 })
    await stage.perform({ operation: 'sweep', most: 1_000 })
    const { rows, reservations, violations } = await stage.snapshot([])
    expect(violations).toEqual([])
    expect(reservations.filter(({ state }) => state === 'open')).toEqual([])
    const kept = reservations.flatMap(({ allocations }) => allocations).reduce((total, allocation) => total + allocation.kept, 0)
    expect(rows).toMatchObject([{ used: kept }])
    seen.admitted += admitted.length
    seen.denied += plans.length - admitted.length
    seen.unsettled += unsettled.size
    seen.charged += charged.length
  })
  const runs = createRuns('races in the guard', { ci: 500, long: 20_000 })
  await fc.assert(property, runs)
  expectSeen(runs, seen, { admitted: 1, denied: 1, unsettled: 0.4, charged: 0.25 })
})
