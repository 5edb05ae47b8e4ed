import { Deadline } from './give-up.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { ExtendRequest } from './ledger/ledger.ts'
import type { CreateTimeouts, Expiring } from './timeouts.ts'

export interface Lease {
  /** When it ends as far as we know, on the clock of `performance.now()`: a system clock that is set does not move it. */
  readonly until: number
  /** Something was reported: renews it now, or a second after the last renewal, so that the report outlives this process. */
  hurry(): void
  /** Stops renewing it. What is held stays held until the lease ends or the reservation is settled. */
  stop(): void
}

const HURRY_MILLISECONDS = 1_000

/** What a lease renews: the reservation, and what has been delivered of it so far. */
export type DescribeHeld = () => Omit<ExtendRequest, 'lease' | 'atLeast'>

export interface LeaseOptions {
  readonly leaseSeconds: number
  /** After this long it is renewed no more, however alive the handler looks. */
  readonly maxHoldSeconds: number
  readonly createTimeouts: CreateTimeouts
}

/**
 * Renews a reservation's lease at a third of its length while a handler runs, and carries what has been delivered so
 * far into the database. A lease that cannot be renewed in time ends by itself, and the database gives the credits back.
 *
 * @returns a function that begins to keep one.
 */
export function createLeases(ledger: Pick<GuardLedger, 'extend'>, { leaseSeconds, maxHoldSeconds, createTimeouts }: LeaseOptions): (describe: DescribeHeld) => Lease {
  const beatMilliseconds = (leaseSeconds * 1000) / 3
  const beats = createTimeouts(beatMilliseconds)

  /** A class, and no closures: there is one for each request, and most end before their first beat. */
  class KeptLease implements Lease, Expiring {
    until: number
    readonly #describe: DescribeHeld
    readonly #lastRenewal: number
    #asked = -Infinity
    #hurrying: ReturnType<typeof setTimeout> | undefined
    #state: 'waiting' | 'renewing' | 'stopped' = 'waiting'
    #hurried = false

    constructor(describe: DescribeHeld) {
      const now = performance.now()
      this.#describe = describe
      this.#lastRenewal = now + (maxHoldSeconds - leaseSeconds) * 1000
      this.until = now + leaseSeconds * 1000
      beats.start(this)
    }

    hurry(): void {
      // Once until the next renewal: a handler that reports without pause must not put it off for ever.
      if (!this.#hurried && this.#state === 'waiting') this.#renewSoon()
      this.#hurried = true
    }

    stop(): void {
      this.#state = 'stopped'
      beats.cancel(this)
      clearTimeout(this.#hurrying)
    }

    expire(): void {
      void this.#renew()
    }

    #renewSoon(): void {
      beats.cancel(this)
      clearTimeout(this.#hurrying)
      this.#hurrying = setTimeout(() => void this.#renew(), Math.min(Math.max(this.#asked + HURRY_MILLISECONDS - performance.now(), 0), beatMilliseconds))
      // A handler that never ends must not keep the process from ending. Only Node's timers are objects.
      if (typeof this.#hurrying === 'object') this.#hurrying.unref()
    }

    async #renew(): Promise<void> {
      this.#asked = performance.now()
      if (this.#asked > this.#lastRenewal) {
        this.#state = 'stopped'
        return
      }
      this.#state = 'renewing'
      this.#hurried = false
      // As long as a beat: one that hangs is given up early enough to try again.
      const deadline = new Deadline(beats)
      try {
        const [answer] = await ledger.extend([{ ...this.#describe(), lease: leaseSeconds, atLeast: true }], deadline)
        if (answer?.outcome === 'extended') this.until = this.#asked + leaseSeconds * 1000
        else if (answer?.outcome !== 'failed') this.#state = 'stopped'
      } catch {
        // The next beat tries again; there are two of them before the lease ends.
      } finally {
        deadline.end()
      }
      this.#goOn()
    }

    #goOn(): void {
      // Meanwhile it may have been stopped, or something reported.
      if (this.#state === 'stopped') return
      this.#state = 'waiting'
      if (this.#hurried) this.#renewSoon()
      else beats.start(this)
    }
  }

  return (describe) => new KeptLease(describe)
}
