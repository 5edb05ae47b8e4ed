/** How much of everything. */
export interface Plan {
  /** Contenders take turns; a figure is the median of its rounds. */
  readonly rounds: number
  /** No round is begun that would not end within this time, the first one excepted. */
  readonly mostSeconds: { readonly throughput: number; readonly http: number; readonly history: number }
  /** How long one contender runs in one round at one number of callers. */
  readonly sliceMilliseconds: number
  readonly httpSliceMilliseconds: number
  readonly historySliceMilliseconds: number
  /** Not counted, before each slice. */
  readonly warmUpMilliseconds: number
  readonly loneCalls: number
  readonly historyRows: number
  readonly memoryCalls: number
  readonly overheadCalls: number
}

export const FULL: Plan = {
  rounds: 5,
  mostSeconds: { throughput: 1_800, http: 300, history: 300 },
  sliceMilliseconds: 2_000,
  httpSliceMilliseconds: 3_000,
  historySliceMilliseconds: 4_000,
  warmUpMilliseconds: 200,
  loneCalls: 3_000,
  historyRows: 5_000_000,
  memoryCalls: 1_000_000,
  overheadCalls: 50_000,
}

/** Under 2 minutes on two cores. */
export const QUICK: Plan = {
  rounds: 3,
  mostSeconds: { throughput: 42, http: 10, history: 10 },
  sliceMilliseconds: 250,
  httpSliceMilliseconds: 600,
  historySliceMilliseconds: 600,
  warmUpMilliseconds: 0,
  loneCalls: 300,
  historyRows: 500_000,
  memoryCalls: 100_000,
  overheadCalls: 10_000,
}

export const CALLERS = [1, 64, 256] as const
/** What a part is called in `--only`, in the order they run. */
export const PARTS = ['size', 'overhead', 'memory', 'throughput', 'lone', 'oversell', 'http', 'history'] as const
export type PartName = (typeof PARTS)[number]
