import type { Expiring, Timeouts } from './timeouts.ts'

/** Says that a caller waits no more: an `AbortSignal`, or something that costs a fraction of one. */
export interface GiveUpSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once?: boolean }): void
  removeEventListener(type: 'abort', listener: () => void): void
}

/** A time by which something must have happened, as a signal. Whoever starts one ends it. */
export class Deadline implements GiveUpSignal, Expiring {
  /** When it is over, on the clock of `performance.now()`. */
  readonly until: number
  #aborted = false
  readonly #timeouts: Timeouts
  readonly #listeners: (() => void)[] = []

  constructor(timeouts: Timeouts) {
    this.#timeouts = timeouts
    this.until = timeouts.start(this)
  }

  get aborted(): boolean {
    return this.#aborted
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const index = this.#listeners.indexOf(listener)
    if (index >= 0) this.#listeners.splice(index, 1)
  }

  /** It will not be over any more. */
  end(): void {
    this.#timeouts.cancel(this)
  }

  expire(): void {
    this.#aborted = true
    for (const listener of this.#listeners.splice(0)) listener()
  }
}

/** For what only knows the real thing: `fetch`, and ledgers that others wrote. */
export function toAbortSignal(signal: GiveUpSignal): AbortSignal
export function toAbortSignal(signal: GiveUpSignal | undefined): AbortSignal | undefined
export function toAbortSignal(signal: GiveUpSignal | undefined): AbortSignal | undefined {
  if (signal === undefined || signal instanceof AbortSignal) return signal
  const controller = new AbortController()
  // The reason that `AbortSignal.timeout` gives.
  const abort = () => controller.abort(new DOMException('The operation timed out.', 'TimeoutError'))
  if (signal.aborted) abort()
  else signal.addEventListener('abort', abort, { once: true })
  return controller.signal
}
