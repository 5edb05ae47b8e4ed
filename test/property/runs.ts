import fc from 'fast-check'
import { expect } from 'vitest'

/** What 1 in CREDITGATE_RUNS_FACTOR stands for is CI; 25 is the long run. */
const LONG_RUN_FACTOR = 25
const factor = readNumber('CREDITGATE_RUNS_FACTOR') ?? 1

/** Counts of runs of one property, in CI and in the long run. */
export interface RunCounts {
  readonly ci: number
  readonly long: number
}

/**
 * How often a property runs, and from which seed: a random one that is printed, or CREDITGATE_SEED. CREDITGATE_PATH repeats the
 * one run that a failure names, and takes CREDITGATE_REPLAY_PATH with it where the failure names that too.
 */
export function createRuns(property: string, { ci, long }: RunCounts): fc.Parameters<unknown> {
  const seed = readNumber('CREDITGATE_SEED') ?? (crypto.getRandomValues(new Int32Array(1))[0] ?? 0)
  const numRuns = factor === 1 ? ci : Math.ceil((long * factor) / LONG_RUN_FACTOR)
  const path = process.env['CREDITGATE_PATH']
  console.info(`${property}: ${numRuns} runs, CREDITGATE_SEED=${seed}${path === undefined ? '' : ` CREDITGATE_PATH=${path}`}`)
  return { seed, numRuns, ...(path === undefined ? {} : { path }) }
}

/**
 * A property that seldom meets what it is about proves little: each thing is seen as often as its share of the runs asks for, less what
 * chance may take, five deviations of it: a bound that lies near the share itself would fail one run in ten with nothing wrong.
 */
export function expectSeen<Name extends string>({ numRuns = 0 }: fc.Parameters<unknown>, seen: Readonly<Record<Name, number>>, shares: Readonly<Record<NoInfer<Name>, number>>): void {
  console.info(JSON.stringify({ runs: numRuns, seen }))
  for (const [name, share] of Object.entries<number>(shares)) {
    const expected = numRuns * share
    // Of what a run sees once or not at all; what it may see several times has a share that leaves room.
    const deviation = Math.sqrt(expected * (share < 1 ? 1 - share : 1))
    expect(seen[name as Name], `${name}, of ${numRuns} runs`).toBeGreaterThanOrEqual(Math.max(1, Math.floor(expected - 5 * deviation)))
  }
}

export const replayPath: { readonly replayPath?: string } =
  process.env['CREDITGATE_REPLAY_PATH'] === undefined ? {} : { replayPath: process.env['CREDITGATE_REPLAY_PATH'] }

/** Room for ten times the seconds it takes in CI, and for as much more as there are more runs. */
export function allowSeconds(seconds: number): number {
  return seconds * 10_000 * Math.max(1, factor)
}

function readNumber(name: string): number | undefined {
  const text = process.env[name]
  if (text === undefined || text === '') return undefined
  if (!Number.isFinite(Number(text))) throw new TypeError(`${name} must be a number; it is ${text}`)
  return Number(text)
}
