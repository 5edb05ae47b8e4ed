import { sleep } from './assertion.ts'

/** What a handler has at hand to tell how far it is, and to be told. */
export interface HandlerCues {
  note(mark: string): void
  /** Resolves once the test has given this cue. */
  until(cue: string): Promise<void>
}

/** The same from the test's side. */
export interface TestCues {
  give(cue: string): void | Promise<void>
  /** How often the handler has noted this. */
  count(mark: string): number | Promise<number>
}

const POLL_MILLISECONDS = 5

export function createCues(): HandlerCues & TestCues {
  const given = new Set<string>()
  const noted = new Map<string, number>()
  return {
    note(mark) {
      noted.set(mark, (noted.get(mark) ?? 0) + 1)
    },
    async until(cue) {
      // Looks again and again: on some runtimes no request may be woken by another one.
      while (!given.has(cue)) await sleep(POLL_MILLISECONDS)
    },
    give(cue) {
      given.add(cue)
    },
    count: (mark) => noted.get(mark) ?? 0,
  }
}
