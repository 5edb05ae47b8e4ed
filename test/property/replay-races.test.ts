import fc from 'fast-check'
import { createGuard, decideSettlement, type Admission, type Gate, type GuardEvent, type Outcome } from 'creditgate'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { createLedger } from '../../src/ledger/create-ledger.ts'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { createFaultyCall, type CallFault } from './faulty-call.ts'
import { createRace, giveTimersBack, takeTimers } from './race.ts'
import { allowSeconds, createRuns, expectSeen } from './runs.ts'
import { createStages, type Stage } from './stage.ts'

/** Keyed calls of two types and two users race, their subscriptions change hands, and what was charged is sent again. */

let fixture: LedgerFixture
let openStages: (count: number) => Promise<Stage[]>
beforeAll(async () => {
  fixture = await (LEDGERS['PGlite']?.() ?? Promise.reject(new Error('there is no PGlite')))
  openStages = createStages(fixture)
})
afterAll(() => fixture.close())
beforeEach(takeTimers)
afterEach(giveTimersBack)

const KEYS = ['k0', 'k1'] as const
const MOST_BYTES = 60

interface Plan {
  readonly user: 0 | 1
  readonly key: (typeof KEYS)[number]
  /** Which of two types the route names first. */
  readonly first: 'ai' | 'lead'
  readonly refund: boolean
  readonly extraBytes: number
  readonly outcome: Outcome
}

const plan: fc.Arbitrary<Plan> = fc.record({
  user: fc.constantFrom(0, 0, 0, 1),
  key: fc.constantFrom('k0', 'k0', 'k0', 'k1'),
  first: fc.constantFrom('ai', 'lead'),
  refund: fc.constantFrom(false, false, false, false, false, true),
  extraBytes: fc.constantFrom(0, 7, 7, 200),
  outcome: fc.record({ status: fc.constantFrom(200, 200, 201, 302, 500), threw: fc.constant(false), ended: fc.constantFrom('finished', 'finished', 'finished', 'aborted'), started: fc.constant(true) }),
})
const faults = fc.array(fc.constantFrom<CallFault[]>('none', 'none', 'none', 'none', 'none', 'request lost', 'reply lost', 'late', 'silent', 'garbage', 'locked'), { maxLength: 8, size: 'max' })

interface Row {
  readonly id: string
  readonly subscription: string
  readonly key: string
  readonly state: string
  readonly kept: readonly (readonly [type: string, amount: number])[]
}

const LIST = `
select r.id, r.subscription_id as subscription, r.idempotency_key as key, r.state,
       (select coalesce(jsonb_agg(jsonb_build_array(a.type, a.kept) order by a.type), '[]')
        from (select x.credit_type as type, sum(x.kept) as kept from unnest(r.allocations) x group by 1) a) as kept
from creditgate.reservations r where r.idempotency_key is not null`
const SWAP = 'update "UserProfileSubscription" set userid = case userid when $1::uuid then $2::uuid else $1::uuid end'

/** What a handler sent. */
interface Sent {
  readonly user: string
  readonly key: string
  readonly status: number
  readonly text: string
  /** It is what a repeated request gets. */
  readonly kept: boolean
}

const digest = crypto.subtle.digest.bind(crypto.subtle)
const identity = { verify: (token: string) => Promise.resolve({ outcome: 'verified' as const, user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) }
const readText = (admission: Extract<Admission, { outcome: 'replayed' }>) => new TextDecoder().decode(admission.response.body)

it('of two types both or none are held; a key is charged once, and its next request gets the very bytes that were sent, and nobody else does', { timeout: allowSeconds(30) }, async () => {
  const seen = { admitted: 0, replayed: 0, kept: 0, swapped: 0 }
  const property = fc.asyncProperty(fc.scheduler(), fc.array(plan, { minLength: 4, maxLength: 7, size: 'max' }), faults, fc.integer({ min: 2, max: 6 }), fc.constantFrom(false, false, true), async (scheduler, plans, given, allotted, swaps) => {
    const stages = await openStages(2)
    const users = stages.map(({ account }) => account.user)
    for (const stage of stages) {
      await stage.perform({ operation: 'insert', rows: [['ai', allotted], ['lead', 7 - allotted]].map(([type, amount]) => ({ id: crypto.randomUUID(), type: type as 'ai', allotted: Number(amount), used: 0, resetDays: null })) })
    }
    const race = createRace(scheduler, async (seconds) => {
      await stages[0]?.perform({ operation: 'advance', seconds, others: stages.map(({ account }) => account.subscription) })
    })
    vi.spyOn(crypto.subtle, 'digest').mockImplementation((algorithm, data) => race.track(digest(algorithm, data)))
    const faulty = createFaultyCall(fixture.database, { scheduler, faults: given, track: (work) => race.track(work) })
    const events: GuardEvent[] = []
    const guard = createGuard({ ledger: createLedger(faulty.call), identity, onEvent: (event) => events.push(event) })
    const options = { replay: { maxBytes: MOST_BYTES } }
    const gates: Record<Plan['first'], Gate<object>> = { ai: guard.requireCredits({ ai: 1, lead: 1 }, options), lead: guard.requireCredits({ lead: 1, ai: 1 }, options) }
    const ask = (gate: Gate<object>, { user, key }: Pick<Plan, 'user' | 'key'>) =>
      gate.admit({ method: 'POST', authorization: `Bearer ${users[user]}`, context: {}, idempotencyKey: key, describe: () => ({ route: '/', url: '/', body: undefined }) })
    const pass = (label: string) => scheduler.schedule(Promise.resolve(), label)
    const list = () => race.track(fixture.database.query<Row>(LIST))
    const running = new Set<string>()
    const sent = new Map<string, Sent>()

    function expectReplay(admission: Extract<Admission, { outcome: 'replayed' }>, { user, key }: Pick<Plan, 'user' | 'key'>): void {
      const { response } = admission
      expect({ status: response.status, text: readText(admission), user: users[user], key, kept: true }, 'what the charged one sent').toEqual(sent.get(admission.reservation))
      expect(response.headers).toMatchObject({ 'content-type': 'text/plain', 'idempotency-replayed': 'true' })
      expect(response.headers).not.toHaveProperty('set-cookie')
    }

    async function handle(each: Plan, admission: Extract<Admission, { outcome: 'admitted' }>): Promise<void> {
      const { credits, recorder } = admission
      const rows = await list()
      const own = rows.find(({ id }) => id === credits.id)
      const rivals = rows.filter(({ id, state, subscription, key }) => state === 'open' && running.has(id) && subscription === own?.subscription && key === own.key)
      expect(rivals, 'no other handler of the key is at work with a lease').toEqual([])
      running.add(credits.id)
      await pass('a handler works')
      if (each.refund) credits.refund()
      const text = credits.id + 'x'.repeat(each.extraBytes)
      recorder?.begin(each.outcome.status, [['Content-Type', 'text/plain'], ['Set-Cookie', `session=${credits.id}`]])
      // As from a host that uses one buffer again and again.
      const buffer = new Uint8Array(8)
      for (let at = 0; at < text.length; at += 8) recorder?.write(buffer.subarray(0, new TextEncoder().encodeInto(text.slice(at, at + 8), buffer).written))
      const settlement = decideSettlement(each.outcome, { reserved: credits.amounts, actual: undefined, refund: each.refund, reported: undefined, metered: false })
      const kept = settlement.outcome === 'commit' && each.outcome.ended === 'finished' && text.length <= MOST_BYTES
      sent.set(credits.id, { user: users[each.user] ?? '', key: each.key, status: each.outcome.status, text, kept })
      await pass('a response ends')
      running.delete(credits.id)
      await admission.settle(each.outcome)
    }

    async function request(each: Plan): Promise<void> {
      await pass(`user ${each.user} asks with key ${each.key}`)
      const admission = await ask(gates[each.first], each)
      seen[admission.outcome === 'replayed' ? 'replayed' : 'admitted'] += admission.outcome === 'denied' ? 0 : 1
      if (admission.outcome === 'admitted') await handle(each, admission)
      else if (admission.outcome === 'replayed') expectReplay(admission, each)
      else expect(admission.problem.name).toMatch(/^(insufficient-credits|request-in-progress|already-charged|credits-unavailable)$/)
    }

    const swap = async () => {
      await pass('the subscriptions change hands')
      await race.track(fixture.database.query(SWAP, users))
    }
    const work = Promise.all([...plans.map(request), ...(swaps ? [swap()] : [])]).then(() => guard.close({ withinSeconds: 1_000 }))
    await race.drive(work, 0)
    expect(await work, 'all is settled').toBe(0)
    expect(faulty.thrown).toEqual([])

    const rows = await list()
    const charged = rows.filter(({ state }) => state === 'committed')
    expect(new Set(charged.map(({ subscription, key }) => subscription + key)).size, 'a key is charged once').toBe(charged.length)
    for (const { state, kept } of rows) expect(kept, 'both or none').toEqual(state === 'committed' || state === 'open' ? [['ai', 1], ['lead', 1]] : [['ai', 0], ['lead', 0]])

    // Without faults: what is kept is sent to its user, and to nobody else.
    const calm = createGuard({ ledger: fixture.ledger, identity, onEvent: () => undefined }).requireCredits<object>({ ai: 0, lead: 0 }, options)
    const unsettled = new Set(events.flatMap((event) => (event.type === 'unsettled' ? [event.reservation] : [])))
    for (const user of [0, 1] as const) {
      const present = stages[swaps ? 1 - user : user]?.account.subscription
      for (const key of KEYS) {
        const admission = await ask(calm, { user, key })
        const paid = charged.find((row) => row.subscription === present && sent.get(row.id)?.key === key)
        const { kept = false, user: owner } = sent.get(paid?.id ?? '') ?? {}
        if (admission.outcome === 'replayed') expectReplay(admission, { user, key })
        if (paid !== undefined && !unsettled.has(paid.id)) expect(admission.outcome, 'of one that was charged').toBe(kept && owner === users[user] ? 'replayed' : 'denied')
        seen.kept += admission.outcome === 'replayed' ? 1 : 0
        if (admission.outcome === 'admitted') await admission.settle({ status: 500, threw: false, ended: 'finished', started: true })
      }
    }
    for (const stage of stages) {
      await stage.perform({ operation: 'sweep', most: 1_000 })
      expect((await stage.snapshot([])).violations).toEqual([])
    }
    seen.swapped += swaps ? 1 : 0
  })
  const runs = createRuns('races with replay', { ci: 300, long: 10_000 })
  await fc.assert(property, runs)
  expectSeen(runs, seen, { admitted: 1.5, replayed: 0.12, kept: 0.6, swapped: 0.3 })
})
