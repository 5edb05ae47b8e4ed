import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt, supabaseLedger, type Amounts } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { attemptUntil, type Definite } from '../../src/attempts.ts'
import { Deadline } from '../../src/give-up.ts'
import { createSharedTimeouts } from '../../src/timeouts.ts'
import { createDataApiClient } from '../support/data-api.ts'
import type { Place, Round, Score, WinnerMessage } from './crowd.ts'

/** A server of its own process that makes many calls at once, to itself. Argument: where the database is, as JSON. */

const place = JSON.parse(process.argv[2] ?? '') as Place
const ledger = place.dataApi === undefined ? postgresLedger(new pg.Pool({ connectionString: place.databaseUrl, max: 10 })) : supabaseLedger(createDataApiClient(place.dataApi.url, place.dataApi.key))
// Two calls of a subscription at a time: the last of 1,000 waits longer than a user would.
const guard = createGuard({ identity: supabaseJwt({ url: place.authUrl }), ledger, reserveTimeoutSeconds: 60 })

const times = createSharedTimeouts(60_000)

process.on('disconnect', () => process.exit(0))
process.on('message', (round: Round) => void attempt(round).then(tell))
await guard.ready()
tell({ kind: 'ready' })

async function attempt(round: Round): Promise<Score> {
  const score = { kind: 'score', answers: {} as Record<string, number> } as const
  const counts = { handled: 0, granted: 0 }
  const count = (amounts: Amounts): void => {
    counts.handled += 1
    counts.granted += Object.values(amounts).reduce((sum, amount) => sum + amount, 0)
  }
  const call = round.through === 'guard' ? createRoute(round, count) : () => reserveAndCommit(round, count)
  await sleep(round.startsAt - Date.now())
  await Promise.all(
    Array.from({ length: round.calls }, async () => {
      const answer = await call().catch((error: unknown) => String(error))
      score.answers[answer] = (score.answers[answer] ?? 0) + 1
    }),
  )
  return { ...score, ...counts, unsettled: await guard.close({ withinSeconds: 30 }) }
}

type Count = (amounts: Amounts) => void

function createRoute({ amounts, least, token, idempotencyKey, handlerMilliseconds }: Round, count: Count): () => Promise<string> {
  const app = new Hono().post('/', honoCredits(guard)(amounts, least === undefined ? {} : { affordable: { min: least } }), async (c) => {
    count(c.var.credits.amounts)
    if (handlerMilliseconds > 0) await sleep(handlerMilliseconds)
    return c.text('done')
  })
  const headers = { Authorization: `Bearer ${token}`, ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }) }
  return async () => {
    const response = await app.request('/', { method: 'POST', headers })
    const body = await response.text()
    return response.ok ? String(response.status) : `${response.status} ${readProblem(body)}`
  }
}

function readProblem(body: string): string {
  const { type } = JSON.parse(body) as { readonly type: string }
  return type.split(':').at(-1) ?? ''
}

/** Past the guard, which lets two calls of a subscription through at a time: as many meet in the database as there are connections. */
async function reserveAndCommit({ user, amounts, least }: Round, count: Count): Promise<string> {
  const id = randomUUID()
  const request = { id, user, amounts, lease: 900, ...(least !== undefined && { least: Object.fromEntries(Object.keys(amounts).map((type) => [type, least])) }) }
  const reserved = await ask(() => ledger.reserve([request]))
  if (typeof reserved === 'string') return reserved
  if (reserved.outcome !== 'reserved') return reserved.outcome
  count(reserved.amounts)
  const committed = await ask(() => ledger.commit([{ id }]))
  return typeof committed === 'string' ? committed : committed.outcome
}

/** With retries: the last of so many may wait longer for one of PostgREST's connections than it allows. */
async function ask<Answer extends { readonly outcome: string }>(call: () => Promise<readonly Answer[]>): Promise<Definite<Answer> | string> {
  const deadline = new Deadline(times)
  const attempted = await attemptUntil(call, deadline)
  deadline.end()
  return attempted.outcome === 'answered' ? attempted.answer : attempted.fault.message
}

function tell(message: WinnerMessage): void {
  process.send?.(message)
}
