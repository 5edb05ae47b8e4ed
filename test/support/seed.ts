import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'

/** Whatever runs a statement and returns rows: a test database, or PGlite. */
export interface Queryable {
  query<Row extends object = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export const CREDIT_TABLES = { ai: '"AICredits"', lead: '"LeadCredits"', skipTrace: '"SkipTraceCredits"' } as const
export type CreditType = keyof typeof CREDIT_TABLES

export interface Account {
  readonly user: string
  readonly subscription: string
}

/** A user with an active subscription, and no credits yet. */
export async function createAccount(database: Queryable, status = 'active'): Promise<Account> {
  const account = { user: randomUUID(), subscription: randomUUID() }
  await database.query('insert into "UserProfileSubscription" (id, userid, status) values ($1, $2, $3)', [account.subscription, account.user, status])
  return account
}

/** Adds credits by the plain insert that the library promises to leave working. Returns the row's id. */
export async function addCredits(
  database: Queryable,
  account: Account,
  { id = randomUUID(), type = 'ai', allotted = 100, used = 0, resetInDays = null }: { id?: string; type?: CreditType; allotted?: number | null; used?: number; resetInDays?: number | null } = {},
): Promise<string> {
  await database.query(`insert into ${CREDIT_TABLES[type]} (id, allotted, used, resetindays, subscriptionid) values ($1, $2, $3, $4, $5)`, [
    id,
    allotted,
    used,
    resetInDays,
    account.subscription,
  ])
  return id
}

export async function readUsed(database: Queryable, row: string): Promise<number | undefined> {
  const [found] = await database.query<{ used: number }>('select used from creditgate.credit_rows where id = $1', [row])
  return found?.used
}

/** Moves a reservation's lease into the past: time is tested by moving rows, not by sleeping. */
export async function endLease(database: Queryable, reservation: string): Promise<void> {
  await database.query("update creditgate.reservations set lease_until = clock_timestamp() - interval '1 second' where id = $1", [reservation])
}

/** Moves the start of a row's cycle into the past. */
export async function ageCycle(database: Queryable, row: string, days: number): Promise<void> {
  for (const table of Object.values(CREDIT_TABLES)) {
    await database.query(`update ${table} set cyclestart = cyclestart - make_interval(secs => $2 * 86400.0) where id = $1`, [row, days])
  }
}

/** Runs after every test that touches a database: G1 and G2 hold in every row. */
export async function expectNoViolations(database: Queryable): Promise<void> {
  expect(await database.query('select * from creditgate.violations')).toEqual([])
}
