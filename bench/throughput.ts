import { CONTENDERS, type ContenderName } from './contenders/contender.ts'
import type { Contenders } from './contenders/open-contenders.ts'
import { runServerLoop } from './contenders/server-loop.ts'
import { findMedian, runLoad, summarize, type Measurement, type Shape } from './load.ts'
import { CALLERS, type Plan } from './plan.ts'
import type { Say } from './progress.ts'
import { countRounds } from './rounds.ts'
import type { BenchDatabase } from './stage.ts'

export interface ThroughputFigure extends Measurement {
  readonly contender: ContenderName
  readonly shape: Shape
  readonly callers: number
}

/** `loops`: how many of them run at once. */
export interface LoopFigure {
  readonly shape: Shape
  readonly loops: number
  readonly perSecond: number
}

export interface Throughput {
  readonly contenders: readonly ThroughputFigure[]
  readonly serverLoop: readonly LoopFigure[]
}

const SHAPES: readonly Shape[] = ['hot', 'spread']
const LOOPS = [1, 2]
const FIRST_CALLS_MILLISECONDS = 300

/** The contenders take turns in short slices, so that whatever else the machine does befalls all of them. */
export async function measureThroughput(contenders: Contenders, { database, plan, say }: { readonly database: BenchDatabase; readonly plan: Plan; readonly say: Say }): Promise<Throughput> {
  const names = Object.keys(CONTENDERS) as ContenderName[]
  const cells = SHAPES.flatMap((shape) => CALLERS.map((callers) => ({ shape, callers })))
  const rounds = new Map<string, Measurement[]>()
  const loopRounds = new Map<string, number[]>()
  const loopPool = database.openPool()
  const loopAccounts = (await database.createAccounts()).slice(0, -1)

  say('every contender makes its first calls: connections, plans, compiled code')
  for (const name of names) await runLoad(contenders[name], { shape: 'spread', callers: 32, milliseconds: FIRST_CALLS_MILLISECONDS })

  for (const round of countRounds({ rounds: plan.rounds, seconds: plan.mostSeconds.throughput })) {
    for (const { shape, callers } of cells) {
      const figures: string[] = []
      for (const name of rotate(names, round)) {
        const run = async (milliseconds: number) => runLoad(contenders[name], { shape, callers, milliseconds })
        if (plan.warmUpMilliseconds > 0) await run(plan.warmUpMilliseconds)
        const measurement = await run(plan.sliceMilliseconds)
        append(rounds, `${name} ${shape} ${callers}`, measurement)
        figures.push(`${name} ${Math.round(measurement.perSecond)}`)
      }
      say(`round ${round} of ${plan.rounds}, ${describeShape(shape)}, ${callers} callers: ${figures.join(', ')} /s`)
    }
    for (const shape of SHAPES) {
      for (const loops of LOOPS) {
        const accounts = shape === 'hot' ? loopAccounts.slice(0, 1) : loopAccounts
        const running = Array.from({ length: loops }, () => runServerLoop(loopPool, { accounts, milliseconds: plan.sliceMilliseconds }))
        const perSecond = (await Promise.all(running)).reduce((sum, each) => sum + each)
        append(loopRounds, `${shape} ${loops}`, perSecond)
        say(`round ${round} of ${plan.rounds}, ${describeShape(shape)}, ${loops} loops in the server: ${Math.round(perSecond)} /s`)
      }
    }
  }
  return {
    contenders: cells.flatMap(({ shape, callers }) =>
      names.map((contender) => ({ contender, shape, callers, ...summarize(rounds.get(`${contender} ${shape} ${callers}`) ?? []) })),
    ),
    serverLoop: SHAPES.flatMap((shape) => LOOPS.map((loops) => ({ shape, loops, perSecond: findMedian(loopRounds.get(`${shape} ${loops}`) ?? []) }))),
  }
}

export function describeShape(shape: Shape): string {
  return shape === 'hot' ? 'one subscription' : '1,000 subscriptions'
}

/** Who goes first changes from round to round. */
function rotate<Item>(items: readonly Item[], by: number): readonly Item[] {
  const start = by % items.length
  return [...items.slice(start), ...items.slice(0, start)]
}

function append<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  list.push(value)
}
