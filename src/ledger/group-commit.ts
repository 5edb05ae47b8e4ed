import type { GiveUpSignal } from '../give-up.ts'
import { createBatcher } from './batcher.ts'
import type { GuardLedger } from './guard-ledger.ts'
import { createLanes } from './lanes.ts'
import type { CommitRequest, ExtendRequest, Ledger, RefundRequest, ReserveRequest } from './ledger.ts'

/** How calls travel together. */
export interface GroupCommitOptions {
  /**
   * How many elements one call carries at most, 1 to 1000. Default 128: where more than that are in flight, one array is at work
   * while another is on its way. A larger one carries all of them at once, and the process and the database wait for each other.
   */
  readonly maxBatch?: number
  /** How many calls of each operation are in flight at most, 1 to 16. Default 2: one at work, one on its way. */
  readonly maxInFlight?: number
  /** How many elements of each operation may wait. Beyond them a call is refused, for the client a 503. Default 10000. */
  readonly maxWaiting?: number
}

/** Commits that keep a response: each may carry more than a megabyte, and the database answers each by itself anyway. */
const MAX_BATCH_WITH_RESPONSES = 8

/**
 * Puts group commit in front of a ledger: calls that arrive while others are in flight travel together, as one array.
 *
 * There is no timer: a call that finds nothing in flight leaves at once. Each element keeps its own id, signal and
 * retries. Reserves, commits, refunds and extensions each have calls of their own, so that none waits behind another kind.
 */
export function createGroupCommit(ledger: Ledger, options: Required<GroupCommitOptions>): GuardLedger {
  const { find, learn } = createLanes()
  const batch = { ...options, findLane: find }
  const reserve = createBatcher((requests: readonly ReserveRequest[], signal) => ledger.reserve(requests, signal), { ...batch, onAnswer: learn })
  const commit = (most: number) => createBatcher((requests: readonly CommitRequest[], signal) => ledger.commit(requests, signal), { ...batch, maxBatch: Math.min(options.maxBatch, most) })
  const [commitPlain, commitKept] = [commit(Infinity), commit(MAX_BATCH_WITH_RESPONSES)]
  const refund = createBatcher((requests: readonly RefundRequest[], signal) => ledger.refund(requests, signal), batch)
  const extend = createBatcher((requests: readonly ExtendRequest[], signal) => ledger.extend(requests, signal), batch)

  return Object.freeze({
    ...ledger,
    reserve: (requests, signal) => askEach(requests, signal, reserve),
    commit: (requests, signal) => askEach(requests, signal, (request, own) => (request.response === undefined ? commitPlain : commitKept)(request, own)),
    refund: (requests, signal) => askEach(requests, signal, refund),
    extend: (requests, signal) => askEach(requests, signal, extend),
  } satisfies GuardLedger)
}

function askEach<Request, Answer>(
  requests: readonly Request[],
  signal: GiveUpSignal | undefined,
  ask: (request: Request, signal: GiveUpSignal | undefined) => Promise<Answer>,
): Promise<readonly Answer[]> {
  const [request] = requests
  // The guard asks for one at a time.
  if (request !== undefined && requests.length === 1) return ask(request, signal).then(listOne)
  return Promise.all(requests.map((element) => ask(element, signal)))
}

function listOne<Answer>(answer: Answer): readonly Answer[] {
  return [answer]
}
