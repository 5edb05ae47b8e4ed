import type { ExtendRequest, Ledger } from './ledger/ledger.ts'

export interface Lease {
  /** When it ends as far as we know, in milliseconds since the epoch by our own clock. */
  readonly until: number
  /** Stops renewing it. What is held stays held until the lease ends or the reservation is settled. */
  stop(): void
}

/**
 * Renews a reservation's lease at a third of its length while a handler runs, and carries what has been delivered so
 * far into the database. A lease that cannot be renewed in time ends by itself, and the database gives the credits back.
 *
 * @param maxHoldSeconds after this long it is renewed no more, however alive the handler looks.
 */
export function keepLease(
  ledger: Ledger,
  { describe, leaseSeconds, maxHoldSeconds }: { readonly describe: () => Omit<ExtendRequest, 'lease'>; readonly leaseSeconds: number; readonly maxHoldSeconds: number },
): Lease {
  const lastRenewal = Date.now() + (maxHoldSeconds - leaseSeconds) * 1000
  let until = Date.now() + leaseSeconds * 1000
  let timer: ReturnType<typeof setTimeout> | undefined
  let stopped = false

  const schedule = () => {
    timer = setTimeout(() => void renew(), (leaseSeconds * 1000) / 3)
    // A handler that never ends must not keep the process from ending. Only Node's timers are objects.
    if (typeof timer === 'object') timer.unref()
  }
  const renew = async () => {
    const asked = Date.now()
    if (asked > lastRenewal) return
    try {
      const [answer] = await ledger.extend([{ ...describe(), lease: leaseSeconds }], AbortSignal.timeout((leaseSeconds * 1000) / 3))
      if (answer?.outcome === 'extended') until = asked + leaseSeconds * 1000
      else if (answer?.outcome !== 'failed') return
    } catch {
      // The next beat tries again; there are two of them before the lease ends.
    }
    if (!stopped) schedule()
  }
  schedule()

  return {
    get until() {
      return until
    },
    stop() {
      stopped = true
      clearTimeout(timer)
    },
  }
}
