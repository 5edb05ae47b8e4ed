import { randomUUID } from 'node:crypto'
import type { PGlite } from '@electric-sql/pglite'

const TABLES = { ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits' } as const
export type CreditType = keyof typeof TABLES

/** One row of a credit table, under the name that the demo gives it. */
export interface CreditRow {
  readonly id: string
  readonly creditType: CreditType
  readonly table: string
  readonly name: string
}

export interface Account {
  readonly user: string
  readonly subscription: string
  readonly rows: readonly CreditRow[]
}

export interface Grant {
  readonly creditType: CreditType
  readonly name: string
  readonly allotted: number
  /** null: never. */
  readonly resetInDays: number | null
}

/** A user with an active subscription, and credits added to it by plain SQL. */
export async function createAccount(database: PGlite, grants: readonly Grant[]): Promise<Account> {
  const account = { user: randomUUID(), subscription: randomUUID() }
  await database.query('insert into "UserProfileSubscription" (id, userid, status) values ($1, $2, $3)', [account.subscription, account.user, 'active'])
  const rows: CreditRow[] = []
  for (const { creditType, name, allotted, resetInDays } of grants) {
    const row = { id: randomUUID(), creditType, table: TABLES[creditType], name }
    await database.query(`insert into "${row.table}" (id, allotted, used, resetindays, subscriptionid) values ($1, $2, 0, $3, $4)`, [
      row.id,
      allotted,
      resetInDays,
      account.subscription,
    ])
    rows.push(row)
  }
  return { ...account, rows }
}

/** Lets time pass for one kind of credits: moves the start of its rows' cycles into the past. */
export async function ageCycles(database: PGlite, account: Account, aging: { readonly creditType: CreditType; readonly days: number }): Promise<void> {
  await database.query(`update "${TABLES[aging.creditType]}" set cyclestart = cyclestart - $1 * interval '24 hours' where subscriptionid = $2`, [
    aging.days,
    account.subscription,
  ])
}
