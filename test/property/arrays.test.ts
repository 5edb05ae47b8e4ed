import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { postgresLedger, type Amounts, type CommitRequest, type ReserveRequest } from 'creditgate'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'
import type { Call } from './client.ts'
import { allowSeconds, createRuns, expectSeen } from './runs.ts'
import { createStages, type Stage } from './stage.ts'
import { arbitraries, opening } from './step-arbitraries.ts'
import { describeStep, type Step } from './steps.ts'
import { createTwin, describeTwin, playEach, translate, type Twin } from './twins.ts'

/** What is asked together, in columns or as objects, is answered as if it were asked one by one, in whatever order. */

let fixture: LedgerFixture
let openStages: (count: number) => Promise<Stage[]>
beforeAll(async () => {
  fixture = await (LEDGERS['PGlite']?.() ?? Promise.reject(new Error('there is no PGlite')))
  const { database } = fixture
  const query = async (text: string, [requests = '']: string[]) => ({ rows: await database.query(text, [form === 'objects' ? readObjects(requests) : countColumns(requests)]) })
  openStages = createStages({ ...fixture, ledger: postgresLedger({ query }) })
})
afterAll(() => fixture.close())

/** How what could travel in columns does travel. */
let form: 'columns' | 'objects' = 'columns'
const seen = { columns: 0 }

function countColumns(requests: string): string {
  if (requests.startsWith('{')) seen.columns += 1
  return requests
}

function readObjects(requests: string): string {
  const { ids, ...columns } = JSON.parse(requests) as Readonly<Record<string, readonly unknown[]>>
  if (ids === undefined) return requests
  const at = (name: string, place: number) => columns[name]?.[place] ?? undefined
  return JSON.stringify(ids.map((id, place) => {
    const [type, key] = [at('creditTypes', place), at('keys', place)]
    return {
      id,
      user: at('users', place),
      lease: at('leases', place),
      ...(type !== undefined && { amounts: { [type as string]: at('amounts', place) } }),
      ...(key !== undefined && { idempotency: { key, fingerprint: at('fingerprints', place) } }),
    }
  }))
}

const ACCOUNTS = 2
type Batchable = Extract<Call, { readonly requests: readonly { readonly id: string }[] }>

/** One element of an array: a step of one account. `spoilt`: no database could carry it out. `plain`: it asks no more than can stand in columns. */
interface Element {
  readonly place: number
  readonly step: Step
  readonly spoilt: boolean
  readonly plain: boolean
}

/** One array of one operation, and the order in which the accounts take their turns in the other arrangement. */
interface Batch {
  readonly elements: readonly Element[]
  readonly turns: readonly number[]
}

const batch: fc.Arbitrary<Batch> = fc
  .oneof(...[arbitraries.reserve, fc.oneof({ weight: 4, arbitrary: arbitraries.reserve }, { weight: 1, arbitrary: arbitraries.tryReserve }), arbitraries.commit, arbitraries.extend, arbitraries.refund, arbitraries.reverse].map(createElements))
  .chain((elements) =>
    fc.shuffledSubarray(elements.map(({ place }) => place), { minLength: elements.length }).map((turns) =>
      Object.assign({ elements, turns }, { [fc.toStringMethod]: () => `[${elements.map(describeElement).join('; ')}] and in turns ${turns.join(' ')}` }),
    ),
  )

function createElements(step: fc.Arbitrary<Step>): fc.Arbitrary<Element[]> {
  const spoilt = fc.constantFrom(false, false, false, false, true)
  const element = fc.record({ place: fc.nat({ max: ACCOUNTS - 1 }), step, spoilt })
  return fc.tuple(fc.array(element, { minLength: 2, maxLength: 6, size: 'max' }), fc.boolean()).map(([elements, plain]) => elements.map((each) => ({ ...each, plain })))
}

function describeElement({ place, step, spoilt, plain }: Element): string {
  return `${place}: ${describeStep(step, String)}${spoilt ? ' spoilt' : ''}${plain ? ' plain' : ''}`
}

/** The answers of a batch by account, each account's in its own order. */
type Ask = (twins: readonly Twin[], elements: readonly Element[]) => Promise<unknown[][]>

const askTogether: Ask = async (twins, elements) => {
  const calls = elements.map((element) => resolve(twins, element))
  const [first] = calls
  const stage = twins[0]?.stage
  if (first === undefined || stage === undefined) return []
  const answers = (await stage.perform({ operation: first.operation, requests: calls.flatMap(({ requests }): readonly object[] => requests) } as Batchable)) as unknown[]
  return twins.map((twin, place) => answers.filter((_answer, index) => elements[index]?.place === place).map((answer) => translate(twin, answer)))
}

const askOneByOne: Ask = async (twins, elements) => {
  const byAccount: unknown[][] = twins.map(() => [])
  for (const element of elements) {
    const twin = twins[element.place]
    if (twin === undefined) continue
    const [answer] = (await twin.stage.perform(resolve(twins, element))) as unknown[]
    byAccount[element.place]?.push(translate(twin, answer))
  }
  return byAccount
}

function resolve(twins: readonly Twin[], { place, step, spoilt, plain }: Element): Batchable {
  const twin = twins[place]
  const call = twin?.client.resolve(step)
  if (call === undefined || !('requests' in call) || call.operation === 'reset') throw new Error(`${step.kind} does not belong into an array`)
  const requests = plain ? call.requests.map((request) => simplify(call.operation, request, twin?.stage.account.user)) : call.requests
  return { operation: call.operation, requests: spoilt ? requests.map((request) => ({ ...request, user: 'nobody' })) : requests } as Batchable
}

/** Of one type, for its user, and without the members that have no column. */
function simplify(operation: Batchable['operation'], request: Batchable['requests'][number], user: string | undefined): object {
  const { amounts, ...members } = request as { readonly amounts?: Amounts | number }
  const plain = { user, ...Object.fromEntries(Object.entries(members).filter(([member]) => !UNPLAIN.has(member))) }
  if (operation !== 'reserve' && operation !== 'commit') return { ...plain, ...(amounts !== undefined && { amounts }) }
  return { ...plain, amounts: typeof amounts === 'object' ? Object.fromEntries(Object.entries(amounts).slice(0, 1)) : { ai: amounts ?? 1 } }
}

const UNPLAIN: ReadonlySet<string> = new Set<keyof ReserveRequest | keyof CommitRequest>(['least', 'session', 'dryRun', 'more', 'response'])

/** The same elements with the accounts in another order; what one account asks stays in its order. */
function rearrange({ elements, turns }: Batch): Element[] {
  const queues = Array.from({ length: ACCOUNTS }, (_queue, place) => elements.filter((element) => element.place === place))
  return turns.flatMap((place) => queues[place]?.shift() ?? [])
}

it('an array is its elements one by one, in any order of the subscriptions', { timeout: allowSeconds(30) }, async () => {
  const pause = arbitraries.advance
  const property = fc.asyncProperty(fc.array(opening, { minLength: ACCOUNTS, maxLength: ACCOUNTS }), fc.array(fc.tuple(batch, pause), { minLength: 1, maxLength: 4, size: 'max' }), async (openings, batches) => {
    const all = (await openStages(3 * ACCOUNTS)).map(createTwin)
    const [given, turned, single] = [0, 1, 2].map((group) => all.slice(group * ACCOUNTS, (group + 1) * ACCOUNTS)) as [Twin[], Twin[], Twin[]]
    const groups = [given, turned, single]
    for (const [place, { steps }] of openings.entries()) for (const step of steps) await playEach(groups.flatMap((group) => group[place] ?? []), step)
    for (const [each, advance] of batches) {
      form = 'columns'
      const answers = await askTogether(given, each.elements)
      form = 'objects'
      expect(await askTogether(turned, rearrange(each))).toEqual(answers)
      expect(await askOneByOne(single, each.elements)).toEqual(answers)
      await playEach(all, advance)
    }
    const ends = await Promise.all(groups.map((group) => Promise.all(group.map(describeTwin))))
    expect(ends[1]).toEqual(ends[0])
    expect(ends[2]).toEqual(ends[0])
    for (const end of ends[0] ?? []) expect(end).toMatchObject({ violations: [] })
  })
  const runs = createRuns('arrays', { ci: 300, long: 5_000 })
  await fc.assert(property, runs)
  expectSeen(runs, seen, { columns: 0.6 })
})
