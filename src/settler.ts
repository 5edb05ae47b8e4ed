import { createAmounts, exceeds } from './amounts.ts'
import type { EventListener } from './events.ts'
import { Deadline, type GiveUpSignal } from './give-up.ts'
import { asFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, CommitAnswer, RefundAnswer, ReserveRequest, StoredAnswer } from './ledger/ledger.ts'
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

/** What has just been asked for, and may be reserved: its lease ends so long from now at the latest. */
export function createUnsettled({ id, user, amounts, lease }: ReserveRequest): Unsettled {
  return { id, user, reserved: amounts, until: performance.now() + lease * 1000 }
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

  /** Gives undefined once it is settled, or why it is not. */
  async function settleUntilDefinite(reservation: Unsettled, settlement: Settlement): Promise<string | undefined> {
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
      if (performance.now() + wait >= reservation.until) return state
      await sleep(wait)
    }
  }

  function tell({ id, reserved, reservesMore }: Unsettled, settlement: Settlement, answer: CommitAnswer | RefundAnswer): string | undefined {
    if (settlement.outcome === 'commit' && answer.outcome === 'committed') {
      const { amounts: charged } = answer
      emit({ type: 'settled', reservation: id, outcome: 'committed', amounts: charged })
      if (reservesMore === true && exceeds(settlement.amounts, charged)) emit({ type: 'overage', reservation: id, actual: settlement.amounts, charged })
    } else if (settlement.outcome === 'refund' && (answer.outcome === 'refunded' || answer.outcome === 'expired')) {
      emit({ type: 'settled', reservation: id, outcome: 'refunded', amounts: createAmounts(Object.keys(reserved), () => 0) })
    } else return answer.outcome
    return undefined
  }

  return {
    expect,
    release,
    async settle(reservation, settlement) {
      const { id, reserved } = reservation
      expect(id)
      const state = await settleUntilDefinite(reservation, settlement)
      if (state !== undefined) emit({ type: 'unsettled', reservation: id, creditTypes: Object.keys(reserved), wanted: settlement.outcome, state })
      release(id)
      return state === undefined
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

function ask(ledger: SettlingLedger, { id, user, reserved, reservesMore, response }: Unsettled, settlement: Settlement, signal: GiveUpSignal): Promise<readonly (CommitAnswer | RefundAnswer)[]> {
  if (settlement.outcome === 'refund') return ledger.refund([{ id, user }], signal)
  const { amounts } = settlement
  const more = reservesMore === true && exceeds(amounts, reserved)
  // Absent where they say nothing, so that an ordinary commit stays one that an array answers in one pass.
  return ledger.commit([{ id, user, amounts, ...(more && { more }), ...(response !== undefined && { response }) }], signal)
}
