import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { startDataApi, type DataApi } from '../support/data-api.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, type Account } from '../support/seed.ts'
import { startCrowd, type Crowd } from './crowd.ts'

const CALLS = 1000
const AMOUNT = 3
const LEFT_OVER = 2
const WINNERS = [0, 1, 7, 50, 999]
const ROUNDS = Array.from({ length: Number(process.env['CREDITGATE_REPEAT'] ?? 1) }, (_, index) => (index === 0 ? '' : `, round ${index + 1}`))

type Crew = '1 process' | '3 processes'
const COUNTS: Record<Crew, number> = { '1 process': 1, '3 processes': 3 }

function listCases(winners: Partial<Record<Crew, readonly number[]>>) {
  const crews = Object.entries(winners) as [Crew, readonly number[]][]
  return ROUNDS.flatMap((round) => crews.flatMap(([crew, counts]) => counts.map((count) => [count, crew, round] as const)))
}

/** 1,000 calls at once against room for exactly k: k of them run their handler, whatever the order and whoever makes them. */
describe.each(['Postgres through pg', 'PostgREST through supabase-js'])('over %s', (name) => {
  // PostgREST carries some 500 calls a second: in CI, what one process shows is shown directly.
  const few = name.startsWith('PostgREST') && ROUNDS.length === 1
  let auth: AuthServer
  let database: Database
  let api: DataApi | undefined
  let crowd: Crowd
  let gathered = 0
  async function gather(): Promise<void> {
    const dataApi = api && { url: api.url, key: await api.signKey('service_role') }
    crowd = await startCrowd({ authUrl: auth.url, databaseUrl: database.url, dataApi }, { processes: 3 })
    gathered = performance.now()
  }
  beforeAll(async () => {
    auth = await startAuthServer()
    database = await createDatabase()
    if (name.startsWith('PostgREST')) api = await startDataApi(database.url)
    await gather()
  })
  // The key for the Data API is good for an hour, many rounds take longer.
  beforeEach(async () => {
    if (performance.now() - gathered < 30 * 60_000) return
    crowd.end()
    await gather()
  })
  afterEach(async () => {
    await expectNoViolations(database)
    // A repeated round costs what the first one did.
    await database.query('truncate creditgate.reservations, creditgate.adjustments, "AICredits", "UserProfileSubscription" cascade')
  })
  afterAll(async () => {
    crowd.end()
    await api?.stop()
    await database.drop()
    await auth.close()
  })

  /** Room for so many calls in three rows, two of which the amount does not divide: some calls draw on two, and what is left buys nothing. */
  async function arrange(winners: number): Promise<Account & { readonly token: string }> {
    const account = await createAccount(database)
    const share = AMOUNT * Math.floor(winners / 3) + 1
    await addCredits(database, account, { allotted: share + 5, used: 5, resetInDays: 30 })
    await addCredits(database, account, { allotted: share, resetInDays: 7 })
    await addCredits(database, account, { allotted: AMOUNT * winners + LEFT_OVER - 2 * share })
    return { ...account, token: await auth.signToken({ sub: account.user }) }
  }

  async function expectSpent({ subscription }: Account, winners: number, leftOver = LEFT_OVER): Promise<void> {
    const [left] = await database.query<{ left: number }>('select sum(allotted - used)::int as left from "AICredits" where subscriptionid = $1', [subscription])
    const states = await database.query<{ state: string; count: number }>('select state, count(*)::int from creditgate.reservations where subscription_id = $1 group by 1', [subscription])
    expect(left?.left).toBe(leftOver)
    expect(states).toEqual(winners === 0 ? [] : [{ state: 'committed', count: winners }])
  }

  /** The answers that are to come, without those that are not. */
  const expectAnswers = (answers: Readonly<Record<string, number>>) => Object.fromEntries(Object.entries(answers).filter(([, count]) => count > 0))

  it.each(listCases({ '1 process': few ? [7] : WINNERS, '3 processes': WINNERS }))('exactly %i of 1,000 run their handler, from %s%s', async (winners, crew) => {
    const account = await arrange(winners)
    const score = await crowd.attempt({ ...account, amounts: { ai: AMOUNT }, calls: CALLS, through: 'guard', processes: COUNTS[crew] })
    expect(score).toMatchObject({ handled: winners, unsettled: 0, answers: expectAnswers({ '200': winners, '402 insufficient-credits': CALLS - winners }) })
    await expectSpent(account, winners)
  })

  it.each(listCases({ '3 processes': few ? [7] : [7, 999] }))('exactly %i of 1,000 are reserved past the guard, from %s%s', async (winners, crew) => {
    const account = await arrange(winners)
    const score = await crowd.attempt({ ...account, amounts: { ai: AMOUNT }, calls: CALLS, through: 'ledger', processes: COUNTS[crew] })
    expect(score).toMatchObject({ handled: winners, answers: expectAnswers({ committed: winners, insufficient: CALLS - winners }) })
    await expectSpent(account, winners)
  })

  it.each([
    ...listCases({ '3 processes': few ? [7] : [7, 50] }).map((each) => ['through the guard', ...each] as const),
    ...listCases({ '3 processes': few ? [] : [7] }).map((each) => ['past the guard', ...each] as const),
  ])('where less will do, %s, %i of 1,000 have all and one has the rest, and nothing is left, from %s%s', async (way, winners, crew) => {
    const account = await arrange(winners)
    const through = way === 'through the guard' ? 'guard' : 'ledger'
    const score = await crowd.attempt({ ...account, amounts: { ai: AMOUNT }, least: 1, calls: CALLS, through, processes: COUNTS[crew] })
    expect(score).toMatchObject({ handled: winners + 1, granted: winners * AMOUNT + LEFT_OVER, unsettled: 0 })
    await expectSpent(account, winners + 1, 0)
  })

  it.each(ROUNDS.flatMap((round) => [0, 300].map((milliseconds) => [milliseconds, round] as const)))(
    'one key sent 50 times at once from two processes runs one handler, of %i ms, and is charged once%s',
    async (handlerMilliseconds) => {
      const account = await arrange(7)
      const score = await crowd.attempt({ ...account, amounts: { ai: AMOUNT }, calls: 50, through: 'guard', processes: 2, idempotencyKey: randomUUID(), handlerMilliseconds })
      const { '200': charged, '409 request-in-progress': running = 0, '409 already-charged': over = 0, ...others } = score.answers
      expect({ handled: score.handled, charged, refused: running + over, others }).toEqual({ handled: 1, charged: 1, refused: 49, others: {} })
      if (handlerMilliseconds > 0) expect(running).toBeGreaterThan(0)
      await expectSpent(account, 1, 6 * AMOUNT + LEFT_OVER)
    },
  )
})
