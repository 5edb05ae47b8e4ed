import type { ExtendRequest, Ledger } from './ledger/ledger.ts'

export interface Lease {
  /** When it ends as far as we know, on the clock of `performance.now()`: a system clock that is set does not move it. */
  readonly until: number
  /** Something was reported: renews it now, or a second after the last renewal, so that the report outlives this process. */
  hurry(): void
  /** Stops renewing it. What is held stays held until the lease ends or the reservation is settled. */
  stop(): void
}

const HURRY_MILLISECONDS = 1_000

/**
 * Renews a reservation's lease at a third of its length while a handler runs, and carries what has been delivered so
 * far into the database. A lease that cannot be renewed in time ends by itself, and the database gives the credits back.
 *
 * @param maxHoldSeconds after this long it is renewed no more, however alive the handler looks.
 */
export function keepLease(
  ledger: Pick<Ledger, 'extend'>,
  { describe, leaseSeconds, maxHoldSeconds }: { readonly describe: () => Omit<ExtendRequest, 'lease' | 'atLeast'>; readonly leaseSeconds: number; readonly maxHoldSeconds: number },
): Lease {
  const beatMilliseconds = (leaseSeconds * 1000) / 3
  const lastRenewal = performance.now() + (maxHoldSeconds - leaseSeconds) * 1000
  let until = performance.now() + leaseSeconds * 1000
  let asked = -Infinity
  let timer: ReturnType<typeof setTimeout> | undefined
  let state: 'waiting' | 'renewing' | 'stopped' = 'waiting'
  let hurried = false

  const schedule = (milliseconds: number) => {
    clearTimeout(timer)
    timer = setTimeout(() => void renew(), milliseconds)
    // A handler that never ends must not keep the process from ending. Only Node's timers are objects.
    if (typeof timer === 'object') timer.unref()
  }
  const untilHurry = () => Math.min(Math.max(asked + HURRY_MILLISECONDS - performance.now(), 0), beatMilliseconds)
  // Asked anew after each await, which the compiler takes to change nothing.
  const isStopped = () => state === 'stopped'
  const isHurried = () => hurried

  const renew = async () => {
    asked = performance.now()
    if (asked > lastRenewal) {
      state = 'stopped'
      return
    }
    state = 'renewing'
    hurried = false
    try {
      const [answer] = await ledger.extend([{ ...describe(), lease: leaseSeconds, atLeast: true }], AbortSignal.timeout(beatMilliseconds))
      if (answer?.outcome === 'extended') until = asked + leaseSeconds * 1000
      else if (answer?.outcome !== 'failed') state = 'stopped'
    } catch {
      // The next beat tries again; there are two of them before the lease ends.
    }
    if (isStopped()) return
    state = 'waiting'
    schedule(isHurried() ? untilHurry() : beatMilliseconds)
  }
  schedule(beatMilliseconds)

  return {
    get until() {
      return until
    },
    hurry() {
      // Once until the next renewal: a handler that reports without pause must not put it off for ever.
      if (!hurried && state === 'waiting') schedule(untilHurry())
      hurried = true
    },
    stop() {
      state = 'stopped'
      clearTimeout(timer)
    },
  }
}
