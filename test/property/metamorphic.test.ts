import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import type { Amounts, CommitRequest, ReserveRequest } from 'creditgate'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import { allowSeconds, createRuns, expectSeen } from './runs.ts'
import { createStages, type Stage } from './stage.ts'
import { opening, rowSpec, weigh } from './step-arbitraries.ts'
import { createStory, type Step, type Story } from './steps.ts'
import { createTwin, describeTwin, perform, playEach, type Twin } from './twins.ts'

/** Two accounts of one database that went different ways to the same end are left with the same. */

let fixture: LedgerFixture
let openStages: (count: number) => Promise<Stage[]>
beforeAll(async () => {
  fixture = await (LEDGERS['PGlite']?.() ?? Promise.reject(new Error('there is no PGlite')))
  openStages = createStages(fixture)
})
afterAll(() => fixture.close())

const RUNS = { ci: 300, long: 5_000 }
const FEWER_RUNS = { ci: 150, long: 3_000 }
const timeout = allowSeconds(30)

function createSteps(weights: Parameters<typeof weigh>[0], maxLength: number): fc.Arbitrary<Story> {
  return fc.array(fc.oneof(...weigh(weights)), { maxLength, size: 'max' }).map(createStory)
}

/** Several rows of `ai`, and one of `lead` that never runs out: a reservation on it stands in nobody's way. */
const twoKinds = fc
  .tuple(fc.array(rowSpec, { minLength: 1, maxLength: 3, size: 'max' }), rowSpec, fc.constantFrom(0, 85_600, 86_000, 86_200))
  .map(([narrow, wide, seconds]) =>
    createStory([
      { kind: 'insert', rows: [...narrow.map((row) => ({ ...row, type: 'ai' as const })), { ...wide, type: 'lead', allotted: wide.allotted === null ? null : 1_000 }] },
      { kind: 'advance', seconds },
    ]),
  )
const before = createSteps({ reserve: 4, commit: 2, refund: 1, extend: 1, advance: 1, reset: 1 }, 6)
function drawOnLeadAlone({ steps }: Story): Story {
  return createStory(
    steps.map((step) => {
      if (step.kind === 'commit') return { ...step, more: false }
      return step.kind === 'reserve' ? { ...step, amounts: { lead: step.amounts['lead'] ?? 2 } } : step
    }),
  )
}

/** While the reservation in question is held: nothing is drawn from the rows it may have left short. */
const during = createSteps({ reserve: 3, commit: 3, refund: 1, extend: 1, reset: 2, advance: 2, leap: 1 }, 6).map(drawOnLeadAlone)
const after = createSteps({ insert: 1, reserve: 4, commit: 3, refund: 1, extend: 1, reverse: 2, reset: 1, crash: 1, advance: 2, leap: 1 }, 6)
const amounts: fc.Arbitrary<Amounts> = fc.oneof(fc.record({ ai: fc.nat({ max: 12 }) }), fc.record({ ai: fc.nat({ max: 12 }), lead: fc.nat({ max: 6 }) }))

async function openTwins(): Promise<[Twin, Twin]> {
  const [one, other] = (await openStages(2)).map(createTwin)
  if (one === undefined || other === undefined) throw new Error('there are no twins')
  return [one, other]
}

async function reserve({ stage }: Twin, reserved: Amounts, request: Partial<ReserveRequest> = {}): Promise<{ readonly id: string; readonly held: boolean; readonly answer: Answer }> {
  const id = randomUUID()
  const [answer] = (await stage.perform({ operation: 'reserve', requests: [{ id, user: stage.account.user, amounts: reserved, lease: 900, ...request }] })) as Answer[]
  return { id, held: answer?.['outcome'] === 'reserved', answer: omitIds(answer ?? {}) }
}

type Answer = Readonly<Record<string, unknown>>

/** What is the same for twins. */
function omitIds(answer: Answer): Answer {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => name !== 'id' && name !== 'subscription'))
}

async function playAll(twins: readonly Twin[], steps: readonly Step[]): Promise<void> {
  for (const step of steps) await playEach(twins, step)
}

/** From here on nothing may tell them apart. */
async function expectTwins(twins: readonly Twin[], { steps }: Story): Promise<void> {
  for (const step of steps) {
    const [one, other] = await playEach(twins, step)
    expect(one).toEqual(other)
  }
  await fixture.ledger.sweep({ most: 1_000 })
  const [one, other] = await Promise.all(twins.map(describeTwin))
  expect(one).toEqual(other)
  expect(one).toMatchObject({ violations: [] })
}

it('a reservation that was refunded or expired leaves what never reserving leaves, whatever happened meanwhile', { timeout }, async () => {
  let held = 0
  const property = fc.asyncProperty(twoKinds, before, amounts, during, fc.constantFrom('refund', 'expiry'), after, async (rows, first, reserved, meanwhile, end, then) => {
    const twins = await openTwins()
    const [one] = twins
    await playAll(twins, [...rows.steps, ...first.steps])
    const { id, held: isHeld } = await reserve(one, reserved)
    held += isHeld ? 1 : 0
    await playAll(twins, meanwhile.steps)
    if (end === 'refund') await fixture.ledger.refund([{ id }])
    else await playEach(twins, { kind: 'advance', seconds: 1_000 })
    await expectTwins(twins, then)
  })
  const runs = createRuns('refund leaves nothing', RUNS)
  await fc.assert(property, runs)
  expectSeen(runs, { held }, { held: 0.7 })
})

it('to commit k of n is to reserve k and commit it all', { timeout }, async () => {
  let held = 0
  const percent = fc.constantFrom(0, 20, 50, 80, 100)
  const property = fc.asyncProperty(twoKinds, before, amounts, percent, during, after, async (rows, first, reserved, kept, meanwhile, then) => {
    const twins = await openTwins()
    const [one, other] = twins
    const share = Object.fromEntries(Object.entries(reserved).map(([type, amount]) => [type, Math.floor((amount * kept) / 100)]))
    await playAll(twins, [...rows.steps, ...first.steps])
    const whole = await reserve(one, reserved)
    if (!whole.held) return
    held += 1
    const part = await reserve(other, share)
    expect(part.held).toBe(true)
    await playAll(twins, meanwhile.steps)
    const [answer] = await fixture.ledger.commit([{ id: whole.id, amounts: share }])
    expect(await fixture.ledger.commit([{ id: part.id }])).toMatchObject([{ ...answer, id: part.id }])
    await expectTwins(twins, then)
  })
  const runs = createRuns('commit k of n', RUNS)
  await fc.assert(property, runs)
  expectSeen(runs, { held }, { held: 0.7 })
})

/** Nothing that ends a cycle or gives anything back: what is drawn later is drawn from the same rows. */
const shortly = createSteps({ reserve: 3, extend: 1 }, 6).map(drawOnLeadAlone)
/** Of two types only the last one grows, so that the rows are drawn from in the order of a single reserve. */
const grown = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.nat({ max: 6 }), fc.integer({ min: 1, max: 36 })).map(([ai, more]) => ({ reserved: { ai }, wanted: { ai: ai + more } })) },
  { weight: 1, arbitrary: fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 4 }), fc.integer({ min: 1, max: 6 })).map(([ai, lead, more]) => ({ reserved: { ai, lead }, wanted: { ai, lead: lead + more } })) },
)

it('to commit more is to reserve as much, or where there is not enough of it to commit what is held', { timeout }, async () => {
  const seen = { more: 0, clamped: 0 }
  const property = fc.asyncProperty(twoKinds, before, grown, fc.nat({ max: 6 }), shortly, after, async (rows, first, { reserved, wanted }, reversed, meanwhile, then) => {
    const twins = await openTwins()
    const [one, other] = twins
    await playAll(twins, [...rows.steps, ...first.steps])
    const small = await reserve(one, reserved)
    if (!small.held) return
    const whole = await reserve(other, wanted)
    seen[whole.held ? 'more' : 'clamped'] += 1
    const { id } = whole.held ? whole : await reserve(other, reserved)
    await playAll(twins, meanwhile.steps)
    const commit = async (request: CommitRequest) => omitIds((await fixture.ledger.commit([request]))[0] ?? {})
    const told = { outcome: 'committed', amounts: whole.held ? wanted : reserved }
    expect(await commit({ id: small.id, amounts: wanted, more: true })).toEqual(told)
    expect(await commit({ id })).toEqual(told)
    expect(await commit({ id: small.id, amounts: wanted, more: true }), 'again').toEqual(told)
    const [undone, alike] = await Promise.all([small.id, id].map((each) => fixture.ledger.reverse([{ id: each, key: 'r', amounts: { ai: reversed } }])))
    expect(omitIds(undone?.[0] ?? {})).toEqual(omitIds(alike?.[0] ?? {}))
    await expectTwins(twins, then)
  })
  const runs = createRuns('commit more', FEWER_RUNS)
  await fc.assert(property, runs)
  expectSeen(runs, seen, { more: 0.5, clamped: 0.27 })
})

it('to reserve what is affordable is to reserve what is left, or nothing where that is too little', { timeout }, async () => {
  const seen = { whole: 0, part: 0, refused: 0 }
  const property = fc.asyncProperty(twoKinds, before, fc.integer({ min: 1, max: 100 }), fc.nat({ max: 16 }), during, after, async (rows, first, ai, least, meanwhile, then) => {
    const twins = await openTwins()
    const [one, other] = twins
    await playAll(twins, [...rows.steps, ...first.steps])
    const plain = await reserve(other, { ai }, { dryRun: true })
    const left = plain.held ? ai : Number(plain.answer['available'])
    const whatIsLeft = await reserve(one, { ai }, { least: { ai: least } })
    seen[plain.held ? 'whole' : whatIsLeft.held ? 'part' : 'refused'] += 1
    expect(whatIsLeft.held).toBe(left >= Math.min(least, ai))
    if (whatIsLeft.held) {
      const exact = await reserve(other, { ai: left })
      expect(whatIsLeft.answer).toEqual(exact.answer)
      await playAll(twins, meanwhile.steps)
      const [committed, alike] = await Promise.all([whatIsLeft.id, exact.id].map((id) => fixture.ledger.commit([{ id }])))
      expect(omitIds(committed?.[0] ?? {})).toEqual(omitIds(alike?.[0] ?? {}))
    } else {
      expect(whatIsLeft.answer).toEqual({ ...plain.answer, required: least })
    }
    await expectTwins(twins, then)
  })
  const runs = createRuns('reserve what is affordable', FEWER_RUNS)
  await fc.assert(property, runs)
  expectSeen(runs, seen, { whole: 0.35, part: 0.27, refused: 0.27 })
})

it('a dry run changes nothing, and answers what its reserve is answered', { timeout }, async () => {
  const steps = createSteps({ tryReserve: 3, reserve: 4, reserveAgain: 1, commit: 3, refund: 1, extend: 1, reset: 1, advance: 2, leap: 1 }, 16)
  const isDry = (step: Step) => step.kind === 'reserve' && step.dryRun
  let tried = 0
  const property = fc.asyncProperty(opening, steps, async (rows, then) => {
    const twins = await openTwins()
    const [dry, plain] = twins
    await playAll(twins, rows.steps)
    for (const step of then.steps) {
      if (!dry.client.applies(step)) continue
      if (step.kind === 'reserve' && !step.dryRun) {
        const call = dry.client.resolve({ ...step, dryRun: true })
        const answer = await perform(dry, call)
        tried += 1
        const [real] = await playEach([dry], step)
        expect(answer).toEqual(real)
        expect((await playEach([plain], step))[0]).toEqual(real)
      } else if (isDry(step)) await playEach([dry], step)
      else await playEach(twins, step)
    }
    await expectTwins(twins, createStory([]))
  })
  const runs = createRuns('dry run', FEWER_RUNS)
  await fc.assert(property, runs)
  expectSeen(runs, { tried }, { tried: 1.6 })
})

it('every operation done twice is done once', { timeout }, async () => {
  const steps = createSteps({ reserve: 6, reserveAgain: 1, repeat: 1, commit: 4, refund: 2, extend: 2, reverse: 3, reset: 1, advance: 2, leap: 1 }, 16)
  const property = fc.asyncProperty(opening, steps, async (rows, then) => {
    const twins = await openTwins()
    const [once, twice] = twins
    await playAll(twins, rows.steps)
    for (const step of then.steps) {
      const [answers] = await playEach(step.kind === 'advance' ? twins : [once], step)
      if (step.kind === 'advance' || !twice.client.applies(step)) continue
      const call = twice.client.resolve(step)
      expect(await perform(twice, call)).toEqual(answers)
      expect(await perform(twice, call)).toEqual(answers)
    }
    await expectTwins(twins, createStory([]))
  })
  await fc.assert(property, createRuns('twice is once', RUNS))
})
