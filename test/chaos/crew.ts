import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Way, WorkerMessage, WorkerOrder } from './plan.ts'
import type { Random } from './random.ts'

/** The worker processes: whoever is killed is replaced at once. */
export interface Crew {
  readonly kills: number
  readonly pauses: number
  /** Workers that ended without being killed, with what they last said. */
  readonly deserters: readonly string[]
  /** SIGKILL to one of them that is at work. Returns whether there was one. */
  killOne(random: Random): boolean
  /** SIGSTOP to one of them, and SIGCONT after a while, unless it is killed in between. */
  pauseOne(random: Random, milliseconds: number): Promise<void>
  /** Lets all of them come to an end by themselves. Returns how many of their calls have no answer after so long. */
  finish(milliseconds: number): Promise<number>
  /** Ends them, whatever they do. */
  dismiss(): Promise<void>
}

interface Worker {
  readonly name: string
  readonly slot: number
  readonly way: Way
  readonly child: ChildProcess
  ready: boolean
  paused: boolean
  killed: boolean
  pendingCalls: number | undefined
  lastWords: string
}

const ANSWER_MILLISECONDS = 2_000
const LAST_WORDS = 1_000
/** A worker that cannot live is not started for ever. */
const MOST_DESERTERS = 10

export function startCrew(script: string, planFile: string, { ways, random }: { readonly ways: readonly Way[]; readonly random: Random }): Crew {
  const workers: Worker[] = []
  const deserters: string[] = []
  let started = 0
  let kills = 0
  let pauses = 0
  let finishing = false

  function hire(slot: number, way: Way): void {
    const name = `${String(slot)}-${String(started++)}`
    const child = fork(script, [planFile, way, name], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [] })
    const worker: Worker = { name, slot, way, child, ready: false, paused: false, killed: false, pendingCalls: undefined, lastWords: '' }
    child.stderr?.on('data', (chunk: Buffer) => (worker.lastWords = (worker.lastWords + chunk.toString()).slice(-LAST_WORDS)))
    child.on('message', (message: WorkerMessage) => {
      hear(worker, message)
    })
    child.on('error', () => undefined) // an order that came too late
    child.once('exit', (code) => {
      workers.splice(workers.indexOf(worker), 1)
      if (!worker.killed) deserters.push(`worker ${name} ended by itself with code ${String(code)}: ${worker.lastWords}`)
      if (!finishing && deserters.length < MOST_DESERTERS) hire(slot, way)
    })
    workers.push(worker)
  }

  function hear(worker: Worker, message: WorkerMessage): void {
    if (message.kind === 'ready') worker.ready = true
    else if (message.kind === 'pending') worker.pendingCalls = message.calls
    else {
      const others = workers.filter(({ child }) => child.connected)
      if (others.length > 0) order(random.pick(others), { kind: 'settle', settlement: message.settlement })
    }
  }

  function order({ child }: Worker, given: WorkerOrder): void {
    child.send(given, () => undefined)
  }

  const atWork = () => workers.filter((worker) => worker.ready && !worker.paused && !worker.killed)
  const killOnExit = () => workers.forEach(({ child }) => child.kill('SIGKILL'))
  process.once('exit', killOnExit)
  ways.forEach((way, slot) => {
    hire(slot, way)
  })

  return {
    get kills() {
      return kills
    },
    get pauses() {
      return pauses
    },
    deserters,
    killOne(chance) {
      const candidates = atWork()
      if (candidates.length === 0) return false
      const worker = chance.pick(candidates)
      worker.killed = true
      worker.child.kill('SIGKILL')
      kills += 1
      return true
    },
    async pauseOne(chance, milliseconds) {
      const candidates = atWork()
      if (candidates.length === 0) return
      const worker = chance.pick(candidates)
      worker.paused = true
      worker.child.kill('SIGSTOP')
      pauses += 1
      await sleep(milliseconds)
      worker.child.kill('SIGCONT')
      worker.paused = false
    },
    async finish(milliseconds) {
      finishing = true
      // Those that are still starting are told as well: the order waits for them.
      const bound = AbortSignal.timeout(milliseconds)
      const left = () => workers.filter(({ pendingCalls }) => pendingCalls !== 0)
      workers.forEach((worker) => order(worker, { kind: 'stop' }))
      while (left().length > 0 && !bound.aborted) await sleep(20)

      const late = left()
      late.forEach((worker) => order(worker, { kind: 'count' }))
      if (late.length > 0) await sleep(ANSWER_MILLISECONDS)
      return late.reduce((sum, { pendingCalls }) => sum + Math.max(1, pendingCalls ?? 1), 0)
    },
    async dismiss() {
      finishing = true
      await Promise.all(
        workers.map(async (worker) => {
          worker.killed = true
          const gone = once(worker.child, 'exit')
          worker.child.kill('SIGKILL')
          await gone
        }),
      )
      process.off('exit', killOnExit)
    },
  }
}
