import { attemptUntil } from './attempts.ts'
import type { EventListener } from './events.ts'
import { Deadline } from './give-up.ts'
import { LOCKED, type LedgerFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, ReserveRequest } from './ledger/ledger.ts'
import type { Settlement } from './outcome.ts'
import { createReservationId } from './reservation-id.ts'
import { createUnsettled, type Settler } from './settler.ts'
import type { Timeouts } from './timeouts.ts'

/**
 * What a route answers while the database cannot be reached. `closed`: 503. `openUpTo`: calls are admitted with nothing held,
 * as long as no more than so many credits of this process are outstanding; they are collected when the database is back.
 */
export type OutagePolicy = 'closed' | { readonly openUpTo: number }

/**
 * Tells an outage from a crowd. A locked row and a full queue are a crowd, which a client can bring about by calling much at once:
 * then others have an answer meanwhile.
 */
export interface Pulse {
  /** The database has just decided something, whatever it was. */
  beat(): void
  /** Whether nobody has had an answer since then (on the clock of `performance.now()`), and the fault is not that of a locked row. */
  isAway(since: number, fault: LedgerFault): boolean
}

export function createPulse(): Pulse {
  let lastBeat = -Infinity
  return {
    beat() {
      lastBeat = performance.now()
    },
    isAway: (since, { kind, code }) => kind !== 'set-up' && code !== LOCKED && lastBeat < since,
  }
}

/** The calls of one route that were admitted with nothing held. It is kept in memory: a process that ends forgets it. */
export interface Tab {
  /** Admits a call, unless that would pass the bound. */
  open(request: ReserveRequest): boolean
  /** Charges what a call owes once the database can be reached again. Resolves then; never rejects. */
  collect(request: ReserveRequest, settlement: Settlement): Promise<void>
}

export interface Debts {
  createTab(openUpTo: number): Tab
  /** Gives up what is still to be collected, each with its event. */
  abandon(): void
}

const FIRST_PAUSE_MILLISECONDS = 250
const LONGEST_PAUSE_MILLISECONDS = 30_000
/** What stands in the way of a debt for a while: no answer, another call with its key, too many that are open. */
const PASSING: ReadonlySet<string> = new Set(['unanswered', 'in_progress', 'too_many_open'])

export interface DebtServices {
  readonly ledger: Pick<GuardLedger, 'reserve'>
  readonly settler: Settler
  readonly emit: EventListener
  readonly calls: Timeouts
}

export function createDebts({ ledger, settler, emit, calls }: DebtServices): Debts {
  /** Not an AbortSignal: it would have a listener for each pause of each debt. */
  const pausing = new Set<() => void>()
  let timesAbandoned = 0

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer)
        pausing.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, milliseconds)
      pausing.add(wake)
    })
  }

  function createTab(openUpTo: number): Tab {
    let outstanding = 0

    async function charge(request: ReserveRequest, amounts: Amounts): Promise<void> {
      const begun = timesAbandoned
      const { user, amounts: reserved, lease, idempotency } = request
      // No session is asked about: the work is done. The same id first: the reserve that seemed lost may have arrived.
      let { id } = request
      for (let milliseconds = FIRST_PAUSE_MILLISECONDS; ; milliseconds = Math.min(milliseconds * 2, LONGEST_PAUSE_MILLISECONDS)) {
        const state = await reserveAndCommit({ id, user, amounts: reserved, lease, least: amounts, ...(idempotency !== undefined && { idempotency }) }, amounts)
        if (state === 'charged' || state === 'already_charged') {
          emit({ type: 'collected', reservation: request.id, user, amounts: state === 'charged' ? amounts : {} })
          return
        }
        const isAbandoned = timesAbandoned > begun
        // Ended meanwhile, with nothing charged: another reservation, for the same debt.
        if (state === 'expired' || state === 'refunded') id = createReservationId()
        else if (!PASSING.has(state) || isAbandoned) {
          emit({ type: 'uncollected', reservation: request.id, user, amounts, state })
          return
        }
        await pause(isAbandoned ? 0 : milliseconds * (0.5 + Math.random()))
      }
    }

    async function reserveAndCommit(request: ReserveRequest, amounts: Amounts): Promise<string> {
      const deadline = new Deadline(calls)
      const attempted = await attemptUntil((signal) => ledger.reserve([request], signal), deadline)
      deadline.end()
      if (attempted.outcome === 'unanswered') return attempted.outcome
      const { answer } = attempted
      if (answer.outcome === 'committed') return 'charged'
      if (answer.outcome !== 'reserved') return answer.outcome
      if (await settler.settle({ ...createUnsettled({ ...request, amounts: answer.amounts }), reservesMore: true }, { outcome: 'commit', amounts })) return 'charged'
      // Perhaps it was carried out and the answer lost: the same id says so, when it is asked again.
      return 'unanswered'
    }

    return {
      open({ id, user, amounts }) {
        const more = sum(amounts)
        if (outstanding + more > openUpTo) return false
        outstanding += more
        settler.expect(nameDebt(id))
        emit({ type: 'opened', reservation: id, user, amounts, outstanding })
        return true
      },
      async collect(request, settlement) {
        if (settlement.outcome === 'refund') await settler.settle(createUnsettled(request), settlement)
        else await charge(request, settlement.amounts)
        outstanding -= sum(request.amounts)
        settler.release(nameDebt(request.id))
      },
    }
  }

  return {
    createTab,
    abandon() {
      timesAbandoned += 1
      for (const wake of pausing) wake()
    },
  }
}

/** A drain waits for a debt by a name of its own: its reservation may be given up and taken up again. */
function nameDebt(id: string): string {
  return `debt ${id}`
}

function sum(amounts: Amounts): number {
  return Object.values(amounts).reduce((total, amount) => total + amount, 0)
}
