import { setTimeout as sleep } from 'node:timers/promises'
import type { PGlite } from '@electric-sql/pglite'
import type { Account, CreditRow, CreditType } from './accounts.ts'

/** A reservation as it stands in Postgres. */
export interface Reservation {
  readonly id: string
  readonly state: string
  readonly reserved: number
  readonly committed: number
  /** What was drawn from which row, in the order drawn: "plan 10, top-up 5". */
  readonly drawnFrom: string
}

export interface RowState extends CreditRow {
  readonly allotted: number
  readonly used: number
  readonly resetInDays: number | null
  readonly cycle: number
}

/** Reads what the database holds about one account. Knows nothing of what was sent or answered over HTTP. */
export interface Books {
  /** The reservation that was made since the last time it was asked, once it is settled; undefined: none was made. */
  readNewReservation(): Promise<Reservation | undefined>
  readRows(): Promise<readonly RowState[]>
  /** Waits for reservations that are still being settled; returns how many stay open all the same. */
  countLeftOpen(): Promise<number>
  countViolations(): Promise<number>
}

const SETTLED_WITHIN_MILLISECONDS = 5_000

export function openBooks(database: PGlite, account: Account): Books {
  const seen: string[] = []

  async function readNewReservation(): Promise<Reservation | undefined> {
    const deadline = Date.now() + SETTLED_WITHIN_MILLISECONDS
    for (;;) {
      const { rows } = await database.query<{ id: string; state: string }>('select id, state from creditgate.reservations where id <> all ($1::uuid[])', [seen])
      const [found, ...others] = rows
      if (found === undefined) return undefined
      if (others.length > 0) throw new Error('one call made more than one reservation')
      if (found.state !== 'open' || Date.now() > deadline) {
        seen.push(found.id)
        return { ...found, ...(await readAllocations(found.id)) }
      }
      await sleep(5)
    }
  }

  async function readAllocations(reservation: string): Promise<Pick<Reservation, 'reserved' | 'committed' | 'drawnFrom'>> {
    const { rows } = await database.query<{ row_id: string; held: number; kept: number }>(
      'select row_id, held, kept from creditgate.allocations where reservation_id = $1',
      [reservation],
    )
    return {
      reserved: sum(rows.map(({ held }) => held)),
      committed: sum(rows.map(({ kept }) => kept)),
      drawnFrom: rows.map((row) => `${account.rows.find(({ id }) => id === row.row_id)?.name ?? 'an unknown row'} ${row.held}`).join(', '),
    }
  }

  async function readRows(): Promise<readonly RowState[]> {
    const { rows } = await database.query<{ id: string; allotted: number; used: number; resetindays: number | null; cycle: number }>(
      'select id, allotted, used, resetindays, cycle from creditgate.credit_rows where subscription_id = $1',
      [account.subscription],
    )
    return account.rows.flatMap((row) => {
      const state = rows.find(({ id }) => id === row.id)
      return state === undefined ? [] : [{ ...row, allotted: state.allotted, used: state.used, resetInDays: state.resetindays, cycle: state.cycle }]
    })
  }

  async function count(from: string): Promise<number> {
    const { rows } = await database.query<{ count: number }>(`select count(*)::integer as count from ${from}`)
    return rows[0]?.count ?? Number.NaN
  }

  async function countLeftOpen(): Promise<number> {
    const deadline = Date.now() + SETTLED_WITHIN_MILLISECONDS
    for (;;) {
      const open = await count("creditgate.reservations where state = 'open'")
      if (open === 0 || Date.now() > deadline) return open
      await sleep(5)
    }
  }

  return { readNewReservation, readRows, countLeftOpen, countViolations: () => count('creditgate.violations') }
}

/** What can be spent of one credit type. */
export function sumRemaining(rows: readonly RowState[], creditType: CreditType): number {
  return sum(rows.filter((row) => row.creditType === creditType).map(({ allotted, used }) => allotted - used))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
