/** Counts the calls that were made and are not answered: at the end there must be none. */
export interface Pending {
  readonly calls: number
  track<Result>(call: Promise<Result>): Promise<Result>
}

export function createPending(): Pending {
  let calls = 0
  return {
    get calls() {
      return calls
    },
    async track(call) {
      calls += 1
      try {
        return await call
      } finally {
        calls -= 1
      }
    },
  }
}
