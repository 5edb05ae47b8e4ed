import { createTimeoutError } from './give-up.ts'

/**
 * Does some work with a signal that fires after so long. Unlike `AbortSignal.timeout` nothing of it is left behind when the
 * work is done sooner: at thousands of calls a second, timers of 5 seconds would be the most of a process's memory.
 */
export async function withTimeout<Result>(milliseconds: number, work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const timer = setTimeout(() => controller.abort(createTimeoutError()), milliseconds)
  // Like that of AbortSignal.timeout, it keeps no process from ending. Only Node's timers are objects.
  if (typeof timer === 'object') timer.unref()
  try {
    return await work(controller.signal)
  } finally {
    clearTimeout(timer)
  }
}
