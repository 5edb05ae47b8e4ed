import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Hono } from 'hono'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt, supabaseLedger } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { attemptWithin } from '../../src/attempts.ts'
import { createDataApiClient } from '../support/data-api.ts'
import type { Place, Round, Score, WinnerMessage } from './crowd.ts'

/** A server of its own process that makes many calls at once, to itself. Argument: where the database is, as JSON. */

const place = JSON.parse(process.argv[2] ?? '') as Place
const ledger = place.dataApi === undefined ? postgresLedger(new pg.Pool({ connectionString: place.databaseUrl, max: 10 })) : supabaseLedger(createDataApiClient(place.dataApi.url, place.dataApi.key))
// Two calls of a subscription at a time: the last of 1,000 waits longer than a user would.
const guard = createGuard({ identity: supabaseJwt({ url: place.authUrl }), ledger, reserveTimeoutSeconds: 60 })

process.on('disconnect', () => process.exit(0))
process.on('message', (round: Round) => void attempt(round).then(tell))
await guard.ready()
tell({ kind: 'ready' })

async function attempt(round: Round): Promise<Score> {
  const score = { kind: 'score', handled: 0, answers: {} as Record<string, number>, unsettled: 0 } as const
  const counts = { handled: 0 }
  const call = round.through === 'guard' ? createRoute(round, () => (counts.handled += 1)) : () => reserveAndCommit(round, () => (counts.handled += 1))
  await sleep(round.startsAt - Date.now())
  await Promise.all(
    Array.from({ length: round.calls }, async () => {
      const answer = await call().catch((error: unknown) => String(error))
      score.answers[answer] = (score.answers[answer] ?? 0) + 1
    }),
  )
  return { ...score, ...counts, unsettled: await guard.close({ withinSeconds: 30 }) }
}

function createRoute({ amount, token, idempotencyKey, handlerMilliseconds }: Round, count: () => void): () => Promise<string> {
  const app = new Hono().post('/', honoCredits(guard)('ai', amount), async (c) => {
    count()
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
async function reserveAndCommit({ user, amount }: Round, count: () => void): Promise<string> {
  const id = randomUUID()
  const reserved = await ask(async () => (await ledger.reserve([{ id, user, amounts: { ai: amount }, lease: 900 }]))[0])
  if (reserved !== 'reserved') return reserved
  count()
  return ask(async () => (await ledger.commit([{ id }]))[0])
}

/** With retries: the last of so many may wait longer for one of PostgREST's connections than it allows. */
async function ask(call: () => Promise<{ readonly outcome: string } | undefined>): Promise<string> {
  const attempted = await attemptWithin(call, 60_000)
  return attempted.outcome === 'answered' ? attempted.answer.outcome : attempted.fault.message
}

function tell(message: WinnerMessage): void {
  process.send?.(message)
}
