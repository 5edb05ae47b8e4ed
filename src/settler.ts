import type { EventListener } from './events.ts'
import { Deadline, type GiveUpSignal } from './give-up.ts'
import { asFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { CommitAnswer, RefundAnswer } from './ledger/ledger.ts'
import type { Settlement } from './outcome.ts'
import { sleep } from './sleep.ts'
import type { CreateTimeouts } from './timeouts.ts'

/** A reservation that is to be settled. `until`: when its lease ends, on the clock of `performance.now()`. */
export interface Unsettled {
  readonly id: string
  readonly user: string
  readonly creditType: string
  readonly until: number
}

export interface Settler {
  /** Says that a reservation was admitted and will be settled, so that `drain` waits for it. */
  expect(id: string): void
  /** Says that somebody else will settle it. */
  release(id: string): void
  /** Resolves once the outcome is definite or the lease is over; never rejects. What happened is told as an event. */
  settle(reservation: Unsettled, settlement: Settlement): Promise<void>
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

  async function settleUntilDefinite(reservation: Unsettled, settlement: Settlement): Promise<void> {
    for (let pause = FIRST_PAUSE_MILLISECONDS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MILLISECONDS)) {
      let state: string
      const deadline = new Deadline(attempts)
      try {
        const [answer] = await ask(ledger, reservation, settlement, deadline)
        if (answer !== undefined && answer.outcome !== 'failed') {
          tell(reservation, settlement, answer)
          return
        }
        state = answer?.code ?? 'unknown'
      } catch (error) {
        state = asFault(error).message
      } finally {
        deadline.end()
      }
      const wait = pause * (0.5 + Math.random())
      if (performance.now() + wait >= reservation.until) {
        emit({ type: 'unsettled', reservation: reservation.id, creditType: reservation.creditType, wanted: settlement.outcome, state })
        return
      }
      await sleep(wait)
    }
  }

  function tell(reservation: Unsettled, settlement: Settlement, answer: CommitAnswer | RefundAnswer): void {
    const { id, creditType } = reservation
    if (settlement.outcome === 'commit' && answer.outcome === 'committed') {
      emit({ type: 'settled', reservation: id, creditType, outcome: 'committed', amount: settlement.amount })
    } else if (settlement.outcome === 'refund' && (answer.outcome === 'refunded' || answer.outcome === 'expired')) {
      emit({ type: 'settled', reservation: id, creditType, outcome: 'refunded', amount: 0 })
    } else {
      emit({ type: 'unsettled', reservation: id, creditType, wanted: settlement.outcome, state: answer.outcome })
    }
  }

  return {
    expect,
    release,
    async settle(reservation, settlement) {
      expect(reservation.id)
      await settleUntilDefinite(reservation, settlement)
      release(reservation.id)
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

function ask(ledger: SettlingLedger, { id, user, creditType }: Unsettled, settlement: Settlement, signal: GiveUpSignal): Promise<readonly (CommitAnswer | RefundAnswer)[]> {
  if (settlement.outcome === 'refund') return ledger.refund([{ id, user }], signal)
  return ledger.commit([{ id, user, amounts: { [creditType]: settlement.amount } }], signal)
}
