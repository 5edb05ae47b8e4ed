import { writeSync } from 'node:fs'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt, type Credits, type GuardEvent, type Ledger, type Outcome } from 'creditgate'
import { LEASE_SECONDS, REPORTED, REPORTED_LATE, RESERVED, type Point, type Scene, type Story } from './crash-point.ts'

/** Makes one guarded call and is struck at one point of it. Argument: the scene. Says "struck" before it is. */

const { databaseUrl, authUrl, token, point, blow } = JSON.parse(process.argv[2] ?? '') as Scene
const EVENTS: Partial<Record<GuardEvent['type'], (event: GuardEvent) => Point>> = {
  reserved: () => 'after the reserve is answered',
  settled: (event) => (event.type === 'settled' && event.outcome === 'committed' ? 'after the commit is answered' : 'after the refund is answered'),
}
const events: GuardEvent[] = []
let struck = false

const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 })
const guard = createGuard({
  identity: supabaseJwt({ url: authUrl }),
  ledger: strikeAround(postgresLedger(pool)),
  leaseSeconds: LEASE_SECONDS,
  onEvent(event) {
    events.push(event)
    const named = EVENTS[event.type]
    if (named !== undefined) strikeAt(named(event))
  },
})
const admission = await guard.requireCredits('ai', RESERVED).admit({ method: 'POST', authorization: `Bearer ${token}`, context: {} })
if (admission.outcome === 'admitted') await admission.settle(await handle(admission.credits))
const story: Story = { admission: admission.outcome, events: events.map((event) => ({ ...event, error: undefined })), unsettled: await guard.close() }
process.send?.(story)
await pool.end()
process.disconnect()

async function handle(credits: Credits): Promise<Outcome> {
  const finished: Outcome = { status: point.includes('refund') ? 500 : 200, threw: false, ended: 'finished', started: true }
  try {
    strikeAt('in the handler')
  } catch {
    return { ...finished, threw: true }
  }
  if (point !== 'in mid-stream after a durable report') return finished
  credits.report(REPORTED)
  await untilReported()
  try {
    strikeAt(point)
  } catch {
    return { ...finished, threw: true, ended: 'failed' }
  }
  credits.report(REPORTED_LATE)
  return finished
}

async function untilReported(): Promise<void> {
  for (;;) {
    const { rows } = await pool.query('select from creditgate.reservations where reported is not null and user_id = $1', [readSubject()])
    if (rows.length > 0) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function readSubject(): string {
  const [, payload = ''] = token.split('.')
  return (JSON.parse(Buffer.from(payload, 'base64url').toString()) as { sub: string }).sub
}

/** The database has carried out a call before its answer is held back: that is the worse half of not knowing. */
function strikeAround(ledger: Ledger): Ledger {
  const around =
    <Request, Answer>(name: 'reserve' | 'commit' | 'refund', call: (requests: readonly Request[], signal?: AbortSignal) => Promise<Answer>) =>
    async (requests: readonly Request[], signal?: AbortSignal): Promise<Answer> => {
      strikeAt(`before the ${name} is sent`)
      const answer = await call(requests, signal)
      strikeAt(`before the ${name} is answered`)
      return answer
    }
  return { ...ledger, reserve: around('reserve', ledger.reserve.bind(ledger)), commit: around('commit', ledger.commit.bind(ledger)), refund: around('refund', ledger.refund.bind(ledger)) }
}

function strikeAt(reached: Point): void {
  if (reached !== point || struck) return
  struck = true
  if (blow === 'throw') throw new Error(`struck ${point}`)
  writeSync(1, 'struck')
  process.kill(process.pid, blow === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  // A signal to oneself may take effect a moment later: nothing is done in that moment.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
}
