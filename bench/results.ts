import type { BundleSize } from './bundle-size.ts'
import type { Environment } from './environment.ts'
import type { HistoryFigure } from './history.ts'
import type { HttpFigure } from './http.ts'
import type { Percentiles } from './load.ts'
import type { LoneFigure } from './lone-caller.ts'
import type { MemoryFigure } from './memory.ts'
import type { OversellFigure } from './oversell.ts'
import type { Plan } from './plan.ts'
import type { Throughput } from './throughput.ts'

/** What was measured; a part that did not run is absent. */
export interface Figures {
  readonly bundleSizeBytes?: BundleSize
  readonly overheadMicroseconds?: Percentiles
  readonly throughput?: Throughput
  readonly loneCaller?: readonly LoneFigure[]
  readonly oversells?: readonly OversellFigure[]
  /** Rows in creditgate.violations after all of it. */
  readonly violations?: number
  readonly http?: readonly HttpFigure[]
  readonly history?: readonly HistoryFigure[]
  readonly memory?: MemoryFigure
}

export interface Results extends Figures {
  readonly environment: Environment
  readonly plan: Plan
  readonly quick: boolean
  readonly ratios: Ratios
}

/** Null: not measured. */
export type Ratios = Readonly<Record<keyof typeof RATIOS, number | null>>

/** What each ratio is, and what it has to be. */
export const RATIOS = {
  supabaseHot: { wanted: 'at least', bound: 20, says: 'pairs over supabase-js against one RPC a call, 256 callers, one subscription' },
  supabaseSpread: { wanted: 'at least', bound: 12, says: 'the same on 1,000 subscriptions' },
  pgHot: { wanted: 'at least', bound: 5, says: 'pairs over pg against single consumes of rate-limiter-flexible, 256 callers, one key' },
  pgSpread: { wanted: 'at least', bound: 3, says: 'the same on 1,000 keys' },
  loneCaller: { wanted: 'at most', bound: 1.15, says: "a lone caller's p50 of a reserve against a bare RPC, over supabase-js or pg, whichever is worse" },
  history: { wanted: 'at most', bound: 1.2, says: 'pairs over pg without a history against with one, 256 callers, one subscription or 1,000, whichever is worse' },
  httpHono: { wanted: 'at least', bound: 0.5, says: 'requests of a guarded Hono route over pg against an unguarded one, 256 callers' },
} as const

export function findRatios(figures: Figures): Ratios {
  const { throughput, loneCaller, history, http } = figures
  const ofPairs = (name: string, against: string, shape: string) => {
    const read = (contender: string) => throughput?.contenders.find((each) => each.contender === contender && each.shape === shape && each.callers === 256)?.perSecond
    return divide(read(name), read(against))
  }
  const ofHistory = (shape: string) => {
    const [without, grown] = history?.filter((each) => each.shape === shape) ?? []
    return divide(without?.perSecond, grown?.perSecond)
  }
  const ofRoutes = (host: string) => {
    const read = (route: string) => http?.find((each) => each.host === host && each.route === route)?.perSecond
    return divide(read('guarded'), read('unguarded'))
  }
  return {
    supabaseHot: ofPairs('creditgateSupabase', 'rpcSupabase', 'hot'),
    supabaseSpread: ofPairs('creditgateSupabase', 'rpcSupabase', 'spread'),
    pgHot: ofPairs('creditgatePg', 'rateLimiter', 'hot'),
    pgSpread: ofPairs('creditgatePg', 'rateLimiter', 'spread'),
    loneCaller: loneCaller === undefined ? null : Math.max(...loneCaller.map(({ ratio }) => ratio)),
    history: history === undefined ? null : Math.max(ofHistory('hot') ?? NaN, ofHistory('spread') ?? NaN),
    httpHono: ofRoutes('hono'),
  }
}

function divide(one: number | undefined, other: number | undefined): number | null {
  return one === undefined || other === undefined ? null : one / other
}
