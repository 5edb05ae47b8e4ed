import fc from 'fast-check'
import type { Amounts } from 'creditgate'
import { GRID_SECONDS } from './row-model.ts'
import { createStory, TYPES, type Caller, type Change, type Least, type Portion, type ResponseTag, type RowSpec, type Step, type Story, type Target } from './steps.ts'

const known = fc.constantFrom<Target[]>(0, 0, 0, 1, 1, 2, 3, 4)
const target = fc.oneof({ weight: 12, arbitrary: known }, { weight: 1, arbitrary: fc.constant<Target>('next') })
const next = fc.constant<Target>('next')
const caller = fc.oneof({ weight: 9, arbitrary: fc.constantFrom<Caller>('owner', 'nobody') }, { weight: 1, arbitrary: fc.constant<Caller>('stranger') })
const lease = fc.constantFrom(1, 3, 6, 9, 9).map((steps) => steps * GRID_SECONDS)
const percent = fc.constantFrom(0, 20, 40, 60, 80, 100, 130)
const creditType = fc.constantFrom(...TYPES)
const portion = fc.oneof<fc.Arbitrary<Portion>[]>(fc.constant('all'), fc.oneof(fc.record({ percent }), fc.record({ percent, lead: percent }), fc.record({ percent, only: creditType })), fc.record({ plain: fc.nat({ max: 8 }) }))
const key = fc.constantFrom('k0', 'k1')
const most = fc.constantFrom(1, 2, 1000)
const attempt = fc.oneof(fc.constant(undefined), fc.record({ key, fingerprint: fc.constantFrom('f0', 'f0', 'f0', 'f1') }))
const least = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.record<Least>({ types: fc.constantFrom<Least['types'][]>(['ai', 'lead'], ['ai', 'lead'], ['ai'], ['lead']), percent: fc.constantFrom(0, 20, 60, 100, 130) }) },
)
const response = fc.constantFrom<(ResponseTag | undefined)[]>(undefined, undefined, 'a', 'b')
const more = fc.constantFrom(false, false, true)
const never = fc.constant(false)
const allotted = fc.oneof({ weight: 6, arbitrary: fc.nat({ max: 12 }) }, { weight: 1, arbitrary: fc.constant(null) })

export const rowSpec: fc.Arbitrary<RowSpec> = fc.record({
  type: creditType,
  allotted,
  used: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 6 }) }),
  resetDays: fc.constantFrom(1, 1, 2, 30, 0, null),
  rank: fc.nat({ max: 15 }),
})

const amounts: fc.Arbitrary<Amounts> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(creditType, fc.nat({ max: 10 })).map(([type, amount]) => ({ [type]: amount })) },
  { weight: 2, arbitrary: fc.record({ ai: fc.nat({ max: 6 }), lead: fc.nat({ max: 6 }) }) },
)

const change = fc.oneof<fc.Arbitrary<Change>[]>(
  fc.record({ used: fc.oneof(fc.nat({ max: 15 }), fc.constant(null)) }),
  fc.record({ usedBy: fc.integer({ min: -6, max: 6 }) }),
  fc.record({ allotted }),
  fc.constant('delete'),
)

/** What there is before anything happens: rows, some of which are about to begin a new cycle. */
export const opening: fc.Arbitrary<Story> = fc
  .tuple(fc.array(rowSpec, { minLength: 2, maxLength: 6, size: 'max' }), fc.constantFrom(0, 85_600, 86_000, 86_200))
  .map(([rows, seconds]) => createStory([{ kind: 'insert', rows }, { kind: 'advance', seconds }]))

/** Each kind of step. */
export const arbitraries = {
  insert: fc.record({ kind: fc.constant('insert'), rows: fc.array(rowSpec, { minLength: 1, maxLength: 2 }) }),
  reserve: fc.record({ kind: fc.constant('reserve'), target: next, amounts, lease, by: fc.constant('owner'), attempt, least, dryRun: never }),
  tryReserve: fc.record({ kind: fc.constant('reserve'), target: fc.oneof(next, target), amounts, lease, by: fc.constant('owner'), attempt, least, dryRun: fc.constant(true) }),
  reserveAgain: fc.record({ kind: fc.constant('reserve'), target, amounts, lease, by: fc.constantFrom('owner', 'stranger'), attempt, least, dryRun: never }),
  repeat: fc.record({ kind: fc.constant('repeat'), target: known }),
  crash: fc.record({ kind: fc.constant('crash') }),
  commit: fc.record({ kind: fc.constant('commit'), target, portion, by: caller, more, response }),
  refund: fc.record({ kind: fc.constant('refund'), target, by: caller }),
  extend: fc.record({ kind: fc.constant('extend'), target, lease, atLeast: fc.boolean(), reported: fc.option(portion, { nil: undefined }), by: caller }),
  reverse: fc.record({ kind: fc.constant('reverse'), target, key, portion, by: caller }),
  reset: fc.record({ kind: fc.constant('reset'), creditType, key }),
  sweep: fc.record({ kind: fc.constant('sweep'), most }),
  prune: fc.record({ kind: fc.constant('prune'), olderThanDays: fc.constantFrom(1, 3), most, steps: fc.constantFrom('one', 'all') }),
  advance: fc.record({ kind: fc.constant('advance'), seconds: fc.constantFrom(1, 2, 6).map((steps) => steps * GRID_SECONDS) }),
  leap: fc.record({ kind: fc.constant('advance'), seconds: fc.constantFrom(85_500, 86_400, 86_400 * 3, 86_400 * 31) }),
  write: fc.record({ kind: fc.constant('write'), place: fc.nat({ max: 5 }), change }),
} satisfies Record<string, fc.Arbitrary<Step>>

/** All kinds, each as often as it stands here where one is drawn. */
export function weigh(weights: Partial<Record<keyof typeof arbitraries, number>>): fc.Arbitrary<Step>[] {
  return Object.entries(weights).flatMap(([kind, weight]) => Array.from({ length: weight }, () => arbitraries[kind as keyof typeof arbitraries] as fc.Arbitrary<Step>))
}
