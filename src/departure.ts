import type { Admission } from './admission.ts'
import type { Outcome } from './outcome.ts'

/** What a serverless host hands over behind a request. */
export interface ExecutionContextLike {
  waitUntil(work: Promise<unknown>): void
}

export interface Departure {
  /** The client left before there was anything to run. */
  readonly isGone: boolean
  /** The admission's own, and lets the host go once it is done. */
  readonly settle: (outcome: Outcome) => Promise<void>
  /** To be called when there is a response: from then on its body tells. */
  readonly stop: () => void
}

/**
 * For hosts whose response is a value. While there is none, a client that leaves shows only in the request's signal, where the host
 * fires it; and what a request has started may end with its client, unless the context that came with it is told to wait.
 */
export function watchDeparture(
  admission: Extract<Admission, { outcome: 'admitted' }>,
  { signal, context }: { readonly signal: AbortSignal; readonly context?: ExecutionContextLike | undefined },
): Departure {
  let release: () => void = () => undefined
  context?.waitUntil(new Promise<void>((resolve) => (release = resolve)))
  const settle: Departure['settle'] = (outcome) => admission.settle(outcome).finally(release)

  const leave = () => void settle({ status: 200, threw: false, ended: 'aborted', started: false })
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  return { isGone: signal.aborted, settle, stop: () => signal.removeEventListener('abort', leave) }
}
