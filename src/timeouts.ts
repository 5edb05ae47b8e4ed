/** What happens when a time is up. */
export interface Expiring {
  expire(): void
}

/** Times of one and the same length. They keep no process from ending. */
export interface Timeouts {
  /** Lets it expire once, when the time is up. Returns when that is, on the clock of `performance.now()`. */
  start(expiring: Expiring): number
  cancel(expiring: Expiring): void
}

export type CreateTimeouts = (milliseconds: number) => Timeouts

/**
 * All of them share one timer, that of the oldest: since they are of one length, they are up in the order they were started
 * in. A timer for each call, though nearly all are cancelled, would be a tenth of what a call costs.
 */
export function createSharedTimeouts(milliseconds: number): Timeouts {
  const running = new Map<Expiring, number>()
  let isTimed = false

  function wait(forMilliseconds: number): void {
    isTimed = true
    unref(setTimeout(expireDue, forMilliseconds))
  }

  function expireDue(): void {
    isTimed = false
    const now = performance.now()
    const due: Expiring[] = []
    for (const [expiring, at] of running) {
      if (at > now) {
        // Rounded up: a timer knows whole milliseconds, and one that is early must not come again and again.
        wait(Math.ceil(at - now))
        break
      }
      running.delete(expiring)
      due.push(expiring)
    }
    for (const expiring of due) expiring.expire()
  }

  return {
    start(expiring) {
      const at = performance.now() + milliseconds
      running.set(expiring, at)
      if (!isTimed) wait(milliseconds)
      return at
    },
    cancel(expiring) {
      running.delete(expiring)
    },
  }
}

/** Each has a timer of its own: for hosts where a timer ends with the request that set it, as on Cloudflare Workers. */
export function createSeparateTimeouts(milliseconds: number): Timeouts {
  const timers = new Map<Expiring, ReturnType<typeof setTimeout>>()

  return {
    start(expiring) {
      const timer = setTimeout(() => {
        timers.delete(expiring)
        expiring.expire()
      }, milliseconds)
      unref(timer)
      timers.set(expiring, timer)
      return performance.now() + milliseconds
    },
    cancel(expiring) {
      clearTimeout(timers.get(expiring))
      timers.delete(expiring)
    },
  }
}

/** Only Node's timers are objects. */
function unref(timer: ReturnType<typeof setTimeout>): void {
  if (typeof timer === 'object') timer.unref()
}
