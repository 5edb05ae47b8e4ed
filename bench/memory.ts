import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { BuiltLibrary } from './library.ts'
import type { MemorySample } from './memory-process.ts'
import type { Plan } from './plan.ts'
import type { Say } from './progress.ts'

export interface MemoryFigure {
  /** At each tenth of the calls. */
  readonly samples: readonly MemorySample[]
  /** Of a straight line through the second half of all samples. */
  readonly slopeBytesPerCall: number
}

/** The resident set of a process of its own that makes guarded calls against a ledger that answers at once. */
export async function measureMemory(library: BuiltLibrary, { plan, say }: { readonly plan: Plan; readonly say: Say }): Promise<MemoryFigure> {
  const samples: MemorySample[] = []
  const child = fork(library.scripts['memory-process'], [String(plan.memoryCalls)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const killOnExit = () => child.kill('SIGKILL')
  process.once('exit', killOnExit)
  child.on('message', (sample: MemorySample) => {
    samples.push(sample)
    if (isTenth(sample, plan)) say(`${sample.calls} calls, ${Math.round(sample.residentBytes / 1024 / 1024)} MiB resident`)
  })
  const [code] = (await once(child, 'exit')) as [number | null]
  process.off('exit', killOnExit)
  if (code !== 0) throw new Error('the process that makes guarded calls failed')
  return { samples: samples.filter((sample) => isTenth(sample, plan)), slopeBytesPerCall: findSlope(samples.slice(samples.length / 2)) }
}

function isTenth({ calls }: MemorySample, { memoryCalls }: Plan): boolean {
  return calls % (memoryCalls / 10) === 0
}

/** By least squares. */
function findSlope(samples: readonly MemorySample[]): number {
  const average = (read: (sample: MemorySample) => number) => samples.reduce((sum, sample) => sum + read(sample), 0) / samples.length
  const calls = average((sample) => sample.calls)
  const bytes = average((sample) => sample.residentBytes)
  const covariance = average((sample) => (sample.calls - calls) * (sample.residentBytes - bytes))
  return covariance / average((sample) => (sample.calls - calls) ** 2)
}
