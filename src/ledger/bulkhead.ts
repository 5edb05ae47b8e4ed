import { LRUCache } from 'lru-cache'
import { toAbortSignal, type GiveUpSignal } from '../give-up.ts'
import { LedgerFault } from './fault.ts'
import type { GuardLedger } from './guard-ledger.ts'
import type { Ledger } from './ledger.ts'

/** One call at work in the database and one on its way there keep a single subscription as busy as its lock allows. */
const IN_FLIGHT = 2
const REMEMBERED_USERS = 10_000

/**
 * Keeps one subscription from taking every connection: of the calls about it, two are in flight and the rest wait here,
 * in order. Without it, ten calls that wait for a row which someone else keeps locked occupy a pool of ten, and every
 * other subscription waits with them.
 *
 * Calls are told apart by their user until an answer has named the user's subscription. Arrays pass: their elements
 * travel together already.
 */
export function createBulkhead(ledger: Ledger): GuardLedger {
  const lanes = new Map<string, Lane>()
  const subscriptions = new LRUCache<string, string>({ max: REMEMBERED_USERS })

  async function pass<Answer>(requests: readonly { readonly id: string; readonly user?: string }[], signal: GiveUpSignal | undefined, send: (signal: AbortSignal | undefined) => Promise<Answer>): Promise<Answer> {
    const [request, another] = requests
    if (request === undefined || another !== undefined) return send(toAbortSignal(signal))
    const { id, user } = request
    const name = user === undefined ? id : (subscriptions.get(user) ?? user)
    const lane = lanes.get(name) ?? { inFlight: 0, waiting: new Set() }
    lanes.set(name, lane)
    if (lane.inFlight >= IN_FLIGHT) await takeTurn(lane, signal)
    else lane.inFlight += 1
    try {
      return await send(toAbortSignal(signal))
    } finally {
      const [next] = lane.waiting
      if (next !== undefined) next()
      else if ((lane.inFlight -= 1) === 0) lanes.delete(name)
    }
  }

  return Object.freeze({
    ...ledger,
    async reserve(requests, signal) {
      const answers = await pass(requests, signal, (sent) => ledger.reserve(requests, sent))
      const [request, answer] = [requests[0], answers[0]]
      if (request !== undefined && answer?.outcome === 'reserved') subscriptions.set(request.user, answer.subscription)
      return answers
    },
    commit: (requests, signal) => pass(requests, signal, (sent) => ledger.commit(requests, sent)),
    refund: (requests, signal) => pass(requests, signal, (sent) => ledger.refund(requests, sent)),
    extend: (requests, signal) => pass(requests, signal, (sent) => ledger.extend(requests, sent)),
    reverse: (requests, signal) => pass(requests, signal, (sent) => ledger.reverse(requests, sent)),
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
