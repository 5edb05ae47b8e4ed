import { ACCOUNTS } from './accounts.ts'
import type { Contender } from './contenders/contender.ts'

/** `hot`: every call falls on one subscription; `spread`: on any of the thousand. */
export type Shape = 'hot' | 'spread'

export interface Load {
  readonly shape: Shape
  /** Each makes its next call when its last has ended. */
  readonly callers: number
  /** No call is begun after it; each that was begun is counted, and waited for. */
  readonly milliseconds: number
}

export interface Percentiles {
  readonly p50: number
  readonly p99: number
}

export interface Measurement {
  readonly perSecond: number
  /** In milliseconds. */
  readonly pair: Percentiles
  /** In milliseconds. */
  readonly reserve: Percentiles
  readonly pairs: number
  readonly rounds: number
  /** Refused, or ended by an error: not counted above. */
  readonly failed: number
  readonly failure?: string
}

/** @throws Error where not one call succeeds. */
export async function runLoad(contender: Pick<Contender, 'reserve'>, { shape, callers, milliseconds }: Load): Promise<Measurement & { readonly seconds: number }> {
  const accounts = shape === 'hot' ? 1 : ACCOUNTS
  const reserves: number[] = []
  const pairs: number[] = []
  const failures: string[] = []
  const started = performance.now()
  const deadline = started + milliseconds
  const callInTurn = async () => {
    do {
      const account = Math.floor(Math.random() * accounts)
      const asked = performance.now()
      try {
        const settle = await contender.reserve(account)
        const reserved = performance.now()
        if (settle === undefined) throw new Error('refused')
        await settle()
        pairs.push(performance.now() - asked)
        reserves.push(reserved - asked)
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error))
      }
    } while (performance.now() < deadline)
  }
  await Promise.all(Array.from({ length: callers }, callInTurn))
  const seconds = (performance.now() - started) / 1000
  const [first] = failures
  if (pairs.length === 0) throw new Error(`not one call succeeded: ${first ?? ''}`)
  return {
    perSecond: pairs.length / seconds,
    pair: findPercentiles(pairs),
    reserve: findPercentiles(reserves),
    pairs: pairs.length,
    rounds: 1,
    failed: failures.length,
    ...(first !== undefined && { failure: first }),
    seconds,
  }
}

export function findPercentiles(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).sort()
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
  return { p50: at(0.5), p99: at(0.99) }
}

export function findMedian(values: readonly number[]): number {
  return findPercentiles(values).p50
}

/** Each figure is the median of its rounds; what was counted is added up. */
export function summarize(rounds: readonly Measurement[]): Measurement {
  const median = (read: (round: Measurement) => number) => findMedian(rounds.map(read))
  const sum = (read: (round: Measurement) => number) => rounds.reduce((total, round) => total + read(round), 0)
  const failure = rounds.find((round) => round.failure !== undefined)?.failure
  return {
    perSecond: median((round) => round.perSecond),
    pair: { p50: median((round) => round.pair.p50), p99: median((round) => round.pair.p99) },
    reserve: { p50: median((round) => round.reserve.p50), p99: median((round) => round.reserve.p99) },
    pairs: sum((round) => round.pairs),
    rounds: rounds.length,
    failed: sum((round) => round.failed),
    ...(failure !== undefined && { failure }),
  }
}
