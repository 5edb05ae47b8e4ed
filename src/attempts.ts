import { sleep } from './sleep.ts'
import { Deadline, toAbortSignal } from './give-up.ts'
import type { Timeouts } from './timeouts.ts'
import { asFault, createFault, LedgerFault } from './ledger/fault.ts'

/** An answer that says what was decided: every one but that of an element that failed in its array. */
export type Definite<Answer> = Exclude<Answer, { readonly outcome: 'failed' }>

/**
 * - `answered`: the database said what it decided.
 * - `unanswered`: it did not.
 *
 * `unknown`: an attempt was lost and may still be carried out.
 */
export type Attempted<Answer> =
  | { readonly outcome: 'answered'; readonly answer: Definite<Answer>; readonly unknown: boolean }
  | { readonly outcome: 'unanswered'; readonly fault: LedgerFault; readonly unknown: boolean }

const ATTEMPTS = 3
const PAUSE_MILLISECONDS = 50

/**
 * Asks the database with at most two retries, all before the deadline. The same call again must be safe: the same id or
 * key each time.
 *
 * An attempt is never given up early to start another: while the database is slow, that would only give it more to do.
 */
export async function attemptUntil<Answer extends { readonly outcome: string }>(ask: (signal: Deadline) => Promise<readonly Answer[]>, deadline: Deadline): Promise<Attempted<Answer>> {
  let unknown = false
  for (let count = 1; ; count += 1) {
    let fault: LedgerFault
    try {
      const [answer] = await ask(deadline)
      if (answer !== undefined && !isFailed(answer)) return { outcome: 'answered', answer: answer as Definite<Answer>, unknown }
      fault = answer === undefined ? new LedgerFault('unknown', 'bad-answer', 'creditgate: the ledger gave no answer') : createFault(answer.code, 'failed in its batch')
    } catch (error) {
      fault = asFault(error)
    }
    unknown ||= fault.kind === 'unknown'
    const pause = PAUSE_MILLISECONDS * 2 ** count * (0.5 + Math.random())
    if (fault.kind === 'set-up' || count === ATTEMPTS || performance.now() + pause >= deadline.until) {
      return { outcome: 'unanswered', fault, unknown }
    }
    await sleep(pause)
  }
}

/** The same for whoever has the same call made again: rejects with the fault. */
export async function askWithin<Answer extends { readonly outcome: string }>(times: Timeouts, ask: (signal: AbortSignal) => Promise<readonly Answer[]>): Promise<Definite<Answer>> {
  const deadline = new Deadline(times)
  const signal = toAbortSignal(deadline)
  const attempted = await attemptUntil(() => ask(signal), deadline)
  deadline.end()
  if (attempted.outcome === 'unanswered') throw attempted.fault
  return attempted.answer
}

function isFailed(answer: { readonly outcome: string }): answer is { readonly outcome: 'failed'; readonly code: string } {
  return answer.outcome === 'failed'
}
