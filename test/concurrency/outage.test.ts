import { createGuard, LedgerFault, postgresLedger, type Admission, type GuardEvent, type Ledger, type RouteOptions } from 'creditgate'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { startFaultProxy, type Fault, type FaultProxy } from '../support/fault-proxy.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** While the database is away a process admits up to its bound, and collects what each call owes once it is back. */

let database: Database
let proxy: FaultProxy
let pool: pg.Pool
const rates: Partial<Record<Fault, number>> = {}
beforeAll(async () => {
  database = await createDatabase()
  const url = new URL(database.url)
  let draws = 0
  // Every other statement is carried out, and its reply is lost.
  proxy = await startFaultProxy({ targetPort: Number(url.port), protocol: 'postgres', rates, next: () => ((draws += 1) % 2) / 2 })
  url.port = String(proxy.port)
  pool = new pg.Pool({ connectionString: url.href, max: 10 })
  pool.on('error', () => undefined)
})
beforeEach(comeBack)
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  await pool.end()
  await proxy.close()
  await database.drop()
})

function goAway(): void {
  Object.assign(rates, { 'request-lost': 0.5, 'reply-lost': 0.5 })
}

function comeBack(): void {
  Object.assign(rates, { 'request-lost': 0, 'reply-lost': 0 })
}

async function arrange({ ledger = postgresLedger(pool), ...route }: RouteOptions & { readonly ledger?: Ledger } = {}) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  const events: GuardEvent[] = []
  const guard = createGuard({
    ledger,
    identity: { verify: (token) => Promise.resolve({ outcome: 'verified', user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) },
    leaseSeconds: 3,
    reserveTimeoutSeconds: 1,
    onEvent: (event) => events.push(event),
  })
  await guard.ready()
  const gate = guard.requireCredits<object>('ai', 3, { onOutage: { openUpTo: 10 }, ...route })
  const admit = (idempotencyKey?: string) =>
    gate.admit({ method: 'POST', authorization: `Bearer ${account.user}`, context: {}, ...(idempotencyKey !== undefined && { idempotencyKey, describe: () => ({ route: '/', url: '/', body: undefined }) }) })
  const list = <Type extends GuardEvent['type']>(type: Type) => events.filter((event): event is Extract<GuardEvent, { type: Type }> => event.type === type)
  const readCharges = () => database.query<{ kept: number }>("select (r.allocations[1]).kept from creditgate.reservations r where r.user_id = $1 and r.state = 'committed' order by 1", [account.user])
  return { ...account, row, guard, admit, list, readCharges }
}

type Admitted = Extract<Admission, { outcome: 'admitted' }>
const isAdmitted = (admission: Admission): admission is Admitted => admission.outcome === 'admitted'
const settle = async (admission: Admitted | undefined) => admission?.settle({ status: 200, threw: false, ended: 'finished', started: true })

it('admits no more than the bound of 100 at once, and collects each of them once', async () => {
  const { user, row, guard, admit, list, readCharges } = await arrange()
  for (const round of [1, 2]) {
    goAway()
    const admissions = await Promise.all(Array.from({ length: 100 }, () => admit()))
    const opened = admissions.filter(isAdmitted)
    expect(opened, 'of 3 credits each').toHaveLength(3)
    expect(new Set(admissions.map((admission) => admission.outcome === 'denied' && admission.problem.name))).toEqual(new Set([false, 'credits-unavailable']))
    opened[0]?.credits.commit(2)
    opened[1]?.credits.refund()
    const owed = [settle(opened[0]), settle(opened[1])]
    expect(isAdmitted(await admit()), 'what ended is not collected yet').toBe(false)
    await Promise.all(owed) // at once: a response does not wait for the database
    comeBack()
    await Promise.all([...owed, settle(opened[2])])
    expect(await guard.close()).toBe(0)
    expect(await readUsed(database, row)).toBeGreaterThanOrEqual(5 * round)
  }
  expect(await guard.close()).toBe(0)
  // The refund of a reserve that arrived, and whose call was refused, may have been given up: its lease ends.
  await database.query("update creditgate.reservations set lease_until = clock_timestamp() where user_id = $1 and state = 'open'", [user])
  await guard.sweep()
  expect(await readUsed(database, row)).toBe(10)
  expect(await readCharges()).toEqual([{ kept: 2 }, { kept: 2 }, { kept: 3 }, { kept: 3 }])
  expect(Math.max(...list('opened').map(({ outstanding }) => outstanding))).toBe(9)
  const collected = list('collected').map(({ reservation }) => reservation)
  expect(collected).toHaveLength(4)
  expect(new Set(collected).size).toBe(4)
  expect(list('uncollected')).toEqual([])
})

it('collects one of two calls with one key, and the other owes nothing', async () => {
  const { row, guard, admit, list } = await arrange()
  goAway()
  const opened = (await Promise.all([admit('k'), admit('k')])).filter(isAdmitted)
  expect(opened).toHaveLength(2)
  comeBack()
  await Promise.all(opened.map(settle))
  expect(await guard.close()).toBe(0)
  expect(list('uncollected')).toEqual([])
  expect(list('collected').map(({ amounts }) => amounts['ai'] ?? 0).sort()).toEqual([0, 3])
  expect(await readUsed(database, row)).toBe(3)
})

it('is charged once, though the answer to its commit is lost for longer than its lease', async () => {
  const ledger = postgresLedger(database.pool)
  const away = { reserve: true, commits: 0 }
  const lost = () => new LedgerFault('unknown', 'connection', 'lost')
  const { row, guard, admit, list, readCharges } = await arrange({
    ledger: {
      ...ledger,
      reserve: (requests, signal) => (away.reserve ? Promise.reject(lost()) : ledger.reserve(requests, signal)),
      async commit(requests, signal) {
        const answers = await ledger.commit(requests, signal)
        away.commits += 1
        if (list('unsettled').length === 0) throw lost()
        return answers
      },
    },
  })
  const [opened] = [await admit()].filter(isAdmitted)
  away.reserve = false
  await settle(opened)
  expect(await guard.close()).toBe(0)
  expect(away.commits).toBeGreaterThan(1)
  expect(list('collected')).toMatchObject([{ reservation: opened?.credits.id, amounts: { ai: 3 } }])
  expect(await readCharges()).toEqual([{ kept: 3 }])
  expect(await readUsed(database, row)).toBe(3)
})
