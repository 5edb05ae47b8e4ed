/** Milliseconds since 1970, as `Date.now` gives them. */
export interface Clock {
  now(): number
}

export interface TestClock extends Clock {
  /** Lets time pass: leases end, cycles are over. Any number of 0 or more. */
  advance(by: { readonly seconds: number }): void
}

/**
 * A clock that a test moves by hand. It stands still otherwise.
 *
 * @param options.startsAt where it stands at first. Default 2026-01-01T00:00:00Z.
 */
export function createTestClock({ startsAt = new Date('2026-01-01T00:00:00Z') }: { readonly startsAt?: Date } = {}): TestClock {
  let now = startsAt.getTime()
  return Object.freeze({
    now: () => now,
    advance({ seconds }: { readonly seconds: number }) {
      if (!(seconds >= 0)) throw new TypeError(`creditgate: clock.advance() takes seconds, 0 or more; it was given ${String(seconds)}`)
      now += seconds * 1000
    },
  })
}
