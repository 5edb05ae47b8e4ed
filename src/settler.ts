import type { EventListener } from './events.ts'
import { Deadline, type GiveUpSignal } from './give-up.ts'
import { asFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, CommitAnswer, CommitRequest, RefundAnswer, StoredAnswer } from './ledger/ledger.ts'
import type { Settlement } from './outcome.ts'
import { sleep } from './sleep.ts'
import type { CreateTimeouts } from './timeouts.ts'

/** A reservation that is to be settled. */
export interface Unsettled {
  readonly id: string
  readonly user: string
  readonly reserved: Amounts
  /** When its lease ends, on the clock of `performance.now()`. */
  readonly until: number
  /** What a commit exceeds the reservation by is reserved in addition, where there is enough. */
  readonly reservesMore?: boolean
  /** Kept with a commit. */
  readonly response?: StoredAnswer
}

export interface Settler {
  /** Says that a reservation was admitted and will be settled, so that `drain` waits for it. */
  expect(id: string): void
  /** Says that somebody else will settle it. */
  release(id: string): void
  /**
   * Resolves once the outcome is definite or the lease is over, with whether the settlement came about; never rejects. What
   * happened is told as an event.
   */
  settle(reservation: Unsettled, settlement: Settlement): Promise<boolean>
  /** Resolves once nothing is left to settle, or after `milliseconds`. Returns how many were still open then. */
  drain(milliseconds: number): Promise<number>
}

const FIRST_PAUSE_MILLISECONDS = 100
const LONGEST_PAUSE_MILLISECONDS = 5_000
const ATTEMPT_MILLISECONDS = 10_000

type SettlingLedger = Pick<GuardLedger, 'commit' | 'refund'>

/** Settles reservations, and keeps at it in the background through an outage. The same call again is always safe. */
export function createSettler(ledger: SettlingLedger, emit: EventListener, createTimeouts: CreateTimeouts): Settler {
  const attempts = createTimeouts(ATTEMPT_MILLISECONDS)
  const unsettled = new Set<string>()
  const draining = new Set<() => void>()

  function expect(id: string): void {
    unsettled.add(id)
  }

  function release(id: string): void {
    unsettled.delete(id)
    if (unsettled.size === 0) wake()
  }

  function wake(): void {
    for (const look of draining) look()
    draining.clear()
  }

  async function settleUntilDefinite(reservation: Unsettled, settlement: Settlement): Promise<boolean> {
    for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS)) {
      let state: string
      const deadline = new Deadline(attempts)
      try {
        const [answer] = await ask(ledger, reservation, settlement, deadline)
        if (answer !== undefined && answer.outcome !== 'failed') return tell(reservation, settlement, answer)
        state = answer?.code ?? 'unknown'
      } catch (error) {
        state = asFault(error).message
      } finally {
        deadline.end()
      }
      const wait = pause * (0.5 + Math.random())
      if (performance.now() + wait >= reservation.until) {
        tellUnsettled(reservation, settlement, state)
        return false
      }
      await sleep(wait)
    }
  }

  function tell(reservation: Unsettled, settlement: Settlement, answer: CommitAnswer | RefundAnswer): boolean {
    const { id, reserved } = reservation
    if (settlement.outcome === 'commit' && answer.outcome === 'committed') {
      const charged = answer.amounts
      emit({ type: 'settled', reservation: id, outcome: 'committed', amounts: charged })
      const { amounts: actual } = settlement
      if (reservation.reservesMore === true && Object.keys(actual).some((type) => (charged[type] ?? 0) < (actual[type] ?? 0))) emit({ type: 'overage', reservation: id, actual, charged })
      return true
    }
    if (settlement.outcome === 'refund' && (answer.outcome === 'refunded' || answer.outcome === 'expired')) {
      emit({ type: 'settled', reservation: id, outcome: 'refunded', amounts: Object.fromEntries(Object.keys(reserved).map((type) => [type, 0])) })
      return true
    }
    tellUnsettled(reservation, settlement, answer.outcome)
    return false
  }

  function tellUnsettled({ id, reserved }: Unsettled, settlement: Settlement, state: string): void {
    emit({ type: 'unsettled', reservation: id, creditTypes: Object.keys(reserved), wanted: settlement.outcome, state })
  }

  return {
    expect,
    release,
    async settle(reservation, settlement) {
      expect(reservation.id)
      const isSettled = await settleUntilDefinite(reservation, settlement)
      release(reservation.id)
      return isSettled
    },
    async drain(milliseconds) {
      const time = { isUp: false }
      const timer = setTimeout(() => {
        time.isUp = true
        wake()
      }, milliseconds)
      // Again and again, since more may be admitted while this waits.
      while (unsettled.size > 0 && !time.isUp) await new Promise<void>((look) => draining.add(look))
      clearTimeout(timer)
      return unsettled.size
    },
  }
}

function ask(ledger: SettlingLedger, reservation: Unsettled, settlement: Settlement, signal: GiveUpSignal): Promise<readonly (CommitAnswer | RefundAnswer)[]> {
  const { id, user, reservesMore, response } = reservation
  if (settlement.outcome === 'refund') return ledger.refund([{ id, user }], signal)
  const { amounts } = settlement
  const request: CommitRequest = { id, user, amounts }
  // Absent where they say nothing, so that an ordinary commit stays one that an array answers in one pass.
  if (response === undefined && reservesMore !== true) return ledger.commit([request], signal)
  return ledger.commit([{ ...request, ...(reservesMore === true && exceeds(amounts, reservation.reserved) && { more: true as const }), ...(response !== undefined && { response }) }], signal)
}

function exceeds(amounts: Amounts, reserved: Amounts): boolean {
  return Object.keys(amounts).some((type) => (amounts[type] ?? 0) > (reserved[type] ?? 0))
}
