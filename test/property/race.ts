import fc from 'fast-check'
import { vi } from 'vitest'

/** A race that is driven from outside: tasks of a scheduler and the passing of time, one at a time and in any order. */
export interface Race {
  readonly scheduler: fc.Scheduler
  /** To be told of work that goes on by itself: the next task waits for it. */
  track<Result>(work: Promise<Result>): Promise<Result>
  /** Lets things happen until the work is done; then until no task is left. `pauses`: how often the process stands still for longer than a lease. */
  drive(work: Promise<unknown>, pauses: number): Promise<void>
}

const MOST_STEPS = 2_000
/** How often time may pass although something else could happen. */
const EAGER_TICKS = 20
const EAGER_MILLISECONDS = 400
const STANDSTILL_SECONDS = 70
/** What the database's clock may lag: too little for a lease to notice, and a statement saved. */
const MOST_SECONDS_BEHIND = 2

/**
 * @param passTime told of each passing of time, in seconds.
 */
export function createRace(scheduler: fc.Scheduler, passTime: (seconds: number) => Promise<void>): Race {
  const pending = new Set<Promise<unknown>>()
  let secondsBehind = 0

  function track<Result>(work: Promise<Result>): Promise<Result> {
    const quiet = work.then(
      () => undefined,
      () => undefined,
    )
    pending.add(quiet)
    void quiet.then(() => pending.delete(quiet))
    return work
  }

  /** Resolves once nothing moves any more without a task or a timer. */
  async function calmDown(): Promise<void> {
    do {
      await Promise.all(pending)
      await new Promise((resolve) => setImmediate(resolve))
    } while (pending.size > 0)
  }

  async function tick(advance: () => Promise<unknown>): Promise<void> {
    const before = performance.now()
    await advance()
    secondsBehind += (performance.now() - before) / 1000
    if (secondsBehind < MOST_SECONDS_BEHIND) return
    await passTime(secondsBehind)
    secondsBehind = 0
  }

  async function standStill(): Promise<void> {
    await passTime(STANDSTILL_SECONDS)
    await vi.advanceTimersByTimeAsync(STANDSTILL_SECONDS * 1000)
  }

  async function drive(work: Promise<unknown>, pauses: number): Promise<void> {
    let done = false
    const finished = () => (done = true)
    work.then(finished, finished)
    const isDone = () => done
    let eagerTicks = EAGER_TICKS
    const letTimePass = async (): Promise<void> => {
      await scheduler.schedule(Promise.resolve(), 'time passes')
      await track(tick(() => vi.advanceTimersByTimeAsync(EAGER_MILLISECONDS)))
      eagerTicks -= 1
      if (eagerTicks > 0 && !isDone()) void letTimePass()
    }
    void letTimePass()
    for (let left = pauses; left > 0; left -= 1) void scheduler.schedule(Promise.resolve(), 'the process stands still').then(() => track(standStill()))
    for (let step = 0; step < MOST_STEPS; step += 1) {
      await calmDown()
      if (scheduler.count() > 0) await scheduler.waitNext(1)
      else if (isDone()) return
      else await tick(() => vi.advanceTimersToNextTimerAsync())
    }
    throw new Error(`not over after ${MOST_STEPS} steps`)
  }

  return { scheduler, track, drive }
}

/**
 * Puts the guard's timers into the driver's hands: pauses, heartbeats and the bound of each call. The clock of the database
 * is real, and is moved along by moving its rows.
 */
export function takeTimers(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  vi.spyOn(Math, 'random').mockReturnValue(0.5)
  vi.spyOn(AbortSignal, 'timeout').mockImplementation((milliseconds) => {
    const controller = new AbortController()
    setTimeout(() => {
      controller.abort()
    }, milliseconds)
    return controller.signal
  })
}

export function giveTimersBack(): void {
  vi.restoreAllMocks()
  vi.useRealTimers()
}
