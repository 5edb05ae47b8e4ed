import { LedgerFault, type Ledger } from 'creditgate'
import { SCHEMA_VERSION } from '../src/schema-version.ts'
import type { Account, Books, CreditRowReading, NewCredits } from './books.ts'
import type { CreditRow } from './memory/credit-row.ts'
import type { Reservation } from './memory/reservation.ts'
import { reserve } from './memory/reserve.ts'
import { reverse } from './memory/reverse.ts'
import { commit, extend, refund } from './memory/settle.ts'
import { createStore, findAllocated, type Store } from './memory/store.ts'
import { prune, reset, sweep } from './memory/upkeep.ts'
import type { Clock } from './test-clock.ts'

export interface MemoryLedgerOptions {
  /** Default the system's. */
  readonly clock?: Clock
  /** Default `['ai', 'lead', 'skipTrace']`. */
  readonly creditTypes?: readonly string[]
  /** How many reservations of one subscription may be open at once. 1 or more, default 1000. */
  readonly maxOpenReservations?: number
}

/** A ledger with its books, all of which answer at once. */
export interface MemoryLedger extends Ledger, Books {
  createAccount(options?: { readonly active?: boolean }): Account
  addCredits(account: Account, credits?: NewCredits): string
  readRow(row: string): CreditRowReading
  writeUsed(row: string, used: number): void
  endLease(reservation: string): void
  ageCycle(row: string, days: number): void
  listStates(account: Account): readonly string[]
  listViolations(): readonly Violation[]
  /** Ends a session of a user's, by the id that the user's tokens bear. Those that were never ended stand, whosesoever they are. */
  endSession(session: string): void
  /** Copies of all credit rows, and of all reservations, in the order they were made in. */
  listRows(): readonly Readonly<CreditRow>[]
  listReservations(): readonly Readonly<Reservation>[]
  /** What another writer does: changes what a row is allotted, or deletes the row. */
  changeRow(row: string, change: { readonly allotted: number | null } | 'delete'): void
}

/** A row whose figures do not add up. `difference`: what another writer has added to `used`, or, below zero, taken away. */
export interface Violation {
  readonly id: string
  readonly kind: 'over_allotted' | 'unbalanced'
  readonly difference: number
}

/**
 * A ledger in memory, for tests: the whole port, as Postgres does it, with no database. It forgets everything with the process,
 * and no other process sees it.
 *
 * @example
 * const clock = createTestClock()
 * const ledger = createMemoryLedger({ clock })
 * const account = ledger.createAccount()
 * const row = ledger.addCredits(account, { type: 'ai', allotted: 100, resetInDays: 30 })
 */
export function createMemoryLedger({ clock = Date, creditTypes = ['ai', 'lead', 'skipTrace'], maxOpenReservations = 1000 }: MemoryLedgerOptions = {}): MemoryLedger {
  if (!Number.isInteger(maxOpenReservations) || maxOpenReservations < 1) throw new TypeError(`creditgate: maxOpenReservations is a whole number of 1 or more; it was given ${String(maxOpenReservations)}`)
  const store = createStore({ clock, creditTypes: [...creditTypes].sort(), maxOpenReservations })
  return Object.freeze({ ...createOperations(store), ...createBooks(store) })
}

function createOperations(store: Store): Ledger {
  /** Answers before anybody else has a turn; as with a database, what was given up is not waited for. */
  function answer<Answer>(signal: AbortSignal | undefined, work: () => Answer): Promise<Answer> {
    if (signal?.aborted === true) return Promise.reject(new LedgerFault('not-executed', 'aborted', 'creditgate: the call was given up before it began'))
    try {
      return Promise.resolve(work())
    } catch (error) {
      return Promise.reject(new LedgerFault('unknown', 'memory-ledger', 'creditgate: the memory ledger broke', { cause: error }))
    }
  }
  const each =
    <Request, Answer>(act: (store: Store, request: Request) => Answer) =>
    (requests: readonly Request[], signal?: AbortSignal) =>
      answer(signal, () => requests.map((request) => act(store, request)))

  return {
    reserve: each(reserve),
    commit: each(commit),
    refund: each(refund),
    extend: each(extend),
    reverse: each(reverse),
    reset: each(reset),
    sweep: (request, signal) => answer(signal, () => sweep(store, request)),
    prune: (request, signal) => answer(signal, () => prune(store, request)),
    version: (signal) => answer(signal, () => ({ version: SCHEMA_VERSION, creditTypes: [...store.creditTypes] })),
  }
}

function createBooks(store: Store): Omit<MemoryLedger, keyof Ledger> {
  function find<Found>(place: ReadonlyMap<string, Found>, id: string): Found {
    const found = place.get(id)
    if (found === undefined) throw new Error(`creditgate: the memory ledger knows no ${id}`)
    return found
  }
  return {
    createAccount({ active = true } = {}) {
      const account: Account = { user: crypto.randomUUID(), subscription: crypto.randomUUID() }
      store.subscriptions.set(account.subscription, { user: account.user, active })
      return account
    },
    addCredits({ subscription }, { id = crypto.randomUUID(), type = 'ai', allotted = 100, used = 0, resetInDays = null }: NewCredits = {}) {
      if (!store.creditTypes.includes(type)) throw new TypeError(`creditgate: there is no credit type "${type}"; the memory ledger knows ${store.creditTypes.join(', ')}`)
      find(store.subscriptions, subscription)
      store.rows.set(id, { id, type, subscription, resetInDays, allotted, used, cycle: 0, cycleStart: store.clock.now(), met: false, accounted: 0 })
      return id
    },
    readRow(row) {
      const { used, cycle, cycleStart } = find(store.rows, row)
      return { used, cycle, cycleSeconds: (store.clock.now() - cycleStart) / 1000 }
    },
    writeUsed(row, used) {
      find(store.rows, row).used = used
    },
    changeRow(row, change) {
      if (change === 'delete') store.rows.delete(row)
      else Object.assign(find(store.rows, row), change)
    },
    endLease(reservation) {
      find(store.reservations, reservation).leaseUntil = store.clock.now() - 1000
    },
    endSession(session) {
      store.endedSessions.add(session.toLowerCase())
    },
    ageCycle(row, days) {
      find(store.rows, row).cycleStart -= days * 86_400_000
    },
    listStates({ subscription }) {
      return [...store.reservations.values()].filter((each) => each.subscription === subscription).map(({ state }) => state).sort()
    },
    listRows: () => [...store.rows.values()].map((row) => ({ ...row })),
    listReservations: () => [...store.reservations.values()].map((each) => ({ ...each, allocations: each.allocations.map((allocation) => ({ ...allocation })) })),
    listViolations: () => listViolations(store),
  }
}

function listViolations(store: Store): readonly Violation[] {
  return [...store.rows.values()]
    .filter(({ met }) => met)
    .flatMap((row) => {
      const carried = store.carried.get(row.id)
      const allocations = [...store.reservations.values()].flatMap((each) => each.allocations.filter((allocation) => findAllocated(store, allocation) === row))
      const kept = allocations.reduce((total, allocation) => total + allocation.kept, carried?.cycle === row.cycle ? carried.kept : 0)
      const { id } = row
      const difference = row.used - row.accounted
      const over = row.allotted !== null && row.used > row.allotted && kept > 0
      return [...(over ? [{ id, kind: 'over_allotted' as const, difference }] : []), ...(difference === 0 ? [] : [{ id, kind: 'unbalanced' as const, difference }])]
    })
}
