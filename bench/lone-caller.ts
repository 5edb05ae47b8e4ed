import { ACCOUNTS } from './accounts.ts'
import type { Contender } from './contenders/contender.ts'
import type { Contenders } from './contenders/open-contenders.ts'
import { findPercentiles, type Percentiles } from './load.ts'
import type { Plan } from './plan.ts'
import type { Say } from './progress.ts'

/** A reserve in milliseconds, while nobody else calls. `ratio`: of the medians. */
export interface LoneFigure {
  readonly path: 'supabase-js' | 'pg'
  readonly creditgate: Percentiles
  readonly rpc: Percentiles
  readonly ratio: number
}

const WARM_UP_CALLS = 100

/** Through the guard and by a bare RPC, taking turns call by call: a difference of a few percent is not lost in what the machine does. */
export async function measureLoneCaller(contenders: Contenders, { plan, say }: { readonly plan: Plan; readonly say: Say }): Promise<readonly LoneFigure[]> {
  const paths = [
    { path: 'supabase-js', creditgate: contenders.creditgateSupabase, rpc: contenders.rpcSupabase },
    { path: 'pg', creditgate: contenders.creditgatePg, rpc: contenders.rpcPg },
  ] as const
  const figures: LoneFigure[] = []
  for (const { path, creditgate, rpc } of paths) {
    const milliseconds = { creditgate: [] as number[], rpc: [] as number[] }
    for (let call = -WARM_UP_CALLS; call < plan.loneCalls; call += 1) {
      const sides = [['creditgate', creditgate], ['rpc', rpc]] as const
      for (const [side, contender] of call % 2 === 0 ? sides : sides.toReversed()) {
        const reserved = await timeReserve(contender)
        if (call >= 0) milliseconds[side].push(reserved)
      }
    }
    const [guarded, bare] = [findPercentiles(milliseconds.creditgate), findPercentiles(milliseconds.rpc)]
    figures.push({ path, creditgate: guarded, rpc: bare, ratio: guarded.p50 / bare.p50 })
    say(`${path}: ${guarded.p50.toFixed(3)} ms through the guard, ${bare.p50.toFixed(3)} ms by a bare RPC`)
  }
  return figures
}

async function timeReserve(contender: Contender): Promise<number> {
  const account = Math.floor(Math.random() * ACCOUNTS)
  const asked = performance.now()
  const settle = await contender.reserve(account)
  const milliseconds = performance.now() - asked
  if (settle === undefined) throw new Error('refused')
  await settle()
  return milliseconds
}
