import { toAbortSignal, type GiveUpSignal } from '../give-up.ts'
import { LedgerFault } from './fault.ts'
import type { GuardLedger } from './guard-ledger.ts'
import { createLanes } from './lanes.ts'
import type { Ledger } from './ledger.ts'

/** One call at work in the database and one on its way there keep a single subscription as busy as its lock allows. */
const IN_FLIGHT = 2

/**
 * Keeps one subscription from taking every connection: of the calls about it, two are in flight and the rest wait here,
 * in order. Without it, ten calls that wait for a row which someone else keeps locked occupy a pool of ten, and every
 * other subscription waits with them.
 *
 * Calls are told apart by their user until an answer has named the user's subscription. Arrays pass: their elements
 * travel together already.
 */
export function createBulkhead(ledger: Ledger): GuardLedger {
  const { find, learn } = createLanes()
  const lanes = new Map<string, Lane>()

  function pass<Request extends { readonly id: string; readonly user?: string }, Answer>(send: (requests: readonly Request[], signal: AbortSignal | undefined) => Promise<Answer>) {
    return async (requests: readonly Request[], signal?: GiveUpSignal): Promise<Answer> => {
      const [request] = requests
      if (request === undefined || requests.length > 1) return send(requests, toAbortSignal(signal))
      const name = find(request)
      const lane = lanes.get(name) ?? { inFlight: 0, waiting: new Set() }
      lanes.set(name, lane)
      if (lane.inFlight >= IN_FLIGHT) await takeTurn(lane, signal)
      else lane.inFlight += 1
      try {
        return await send(requests, toAbortSignal(signal))
      } finally {
        const [next] = lane.waiting
        if (next !== undefined) next()
        else if ((lane.inFlight -= 1) === 0) lanes.delete(name)
      }
    }
  }

  return Object.freeze({
    ...ledger,
    reserve: pass(async (requests, signal) => {
      const answers = await ledger.reserve(requests, signal)
      if (requests[0] !== undefined && answers[0] !== undefined) learn(requests[0], answers[0])
      return answers
    }),
    commit: pass((requests, signal) => ledger.commit(requests, signal)),
    refund: pass((requests, signal) => ledger.refund(requests, signal)),
    extend: pass((requests, signal) => ledger.extend(requests, signal)),
    reverse: pass((requests, signal) => ledger.reverse(requests, signal)),
  } satisfies GuardLedger)
}

/** `waiting` holds what lets a caller through; who is let through inherits the place of the call that ended. */
interface Lane {
  inFlight: number
  readonly waiting: Set<() => void>
}

/** @throws LedgerFault of kind `not-executed` when the signal fires first: nothing has been sent. */
function takeTurn(lane: Lane, signal: GiveUpSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      lane.waiting.delete(enter)
      reject(new LedgerFault('not-executed', 'busy', 'creditgate: other calls of this subscription are still waiting for the database'))
    }
    const enter = () => {
      lane.waiting.delete(enter)
      signal?.removeEventListener('abort', leave)
      resolve()
    }
    if (signal?.aborted === true) {
      leave()
      return
    }
    signal?.addEventListener('abort', leave, { once: true })
    lane.waiting.add(enter)
  })
}
