import { Deadline, toAbortSignal, type GiveUpSignal } from '../give-up.ts'
import { createSharedTimeouts } from '../timeouts.ts'
import { LedgerFault, LOCKED } from './fault.ts'

interface Element<Request, Answer> {
  readonly request: Request
  readonly lane: string
  readonly signal: GiveUpSignal | undefined
  readonly giveUp: () => void
  readonly resolve: (answer: Answer) => void
  readonly reject: (fault: unknown) => void
}

export interface BatcherOptions<Request, Answer> {
  readonly maxBatch: number
  readonly maxInFlight: number
  readonly maxWaiting: number
  /** Names whose turn a request takes: its subscription, as far as it is known. */
  readonly findLane: (request: Request) => string
  /** Told of each answer before the caller is. */
  readonly onAnswer?: (request: Request, answer: Answer) => void
}

/** How long a lane is remembered as slow when nobody asks for it: longer than a caller's pause before a retry. */
const SLOW_MILLISECONDS = 2_000

/**
 * A call that takes longer gives up its place to the next one, though not its connection: a lone call may wait 2 seconds
 * for a lock, and two of them would hold up all the rest. So many at the most.
 */
const OVERDUE_MILLISECONDS = 400
const MOST_OVERDUE = 4

/** Longer than any statement of ours may take; what has not answered by then never will. */
const CALL_MILLISECONDS = 10_000

/**
 * Gathers single requests into arrays while earlier ones are in flight, taking turns between lanes.
 *
 * A lane that was found locked by someone else is slow until it is heard of otherwise: it travels by itself, in calls that
 * are counted apart, so that it keeps nobody waiting.
 *
 * @returns a function that rejects with a `LedgerFault`: `not-executed` when the request was given up or refused before it
 * was sent, `unknown` when it was given up after that.
 */
export function createBatcher<Request extends { readonly id: string }, Answer extends { readonly outcome: string }>(
  send: (requests: readonly Request[], signal: AbortSignal) => Promise<readonly Answer[]>,
  { maxBatch, maxInFlight, maxWaiting, findLane, onAnswer }: BatcherOptions<Request, Answer>,
): (request: Request, signal?: GiveUpSignal) => Promise<Answer> {
  type Waiting = Element<Request, Answer>
  const callTimes = createSharedTimeouts(CALL_MILLISECONDS)
  const placeTimes = createSharedTimeouts(OVERDUE_MILLISECONDS)
  const lanes = new Map<string, Set<Waiting>>()
  const slow = new Map<string, { inFlight: boolean; until: number }>()
  let waiting = 0
  let inFlight = 0
  let slowInFlight = 0
  let overdue = 0
  let isFlushing = false

  /** Whether it was still waiting. */
  function remove(element: Waiting): boolean {
    const lane = lanes.get(element.lane)
    if (lane?.delete(element) !== true) return false
    waiting -= 1
    if (lane.size === 0) lanes.delete(element.lane)
    return true
  }

  /** One of each lane in turn, until the array is full; who has been served goes to the end of the line. */
  function takeBatch(): Waiting[] {
    const batch: Waiting[] = []
    // A lane that is put back at the end is met again: the loop goes round.
    for (const [name, lane] of lanes) {
      if (batch.length === maxBatch) break
      const [element] = lane
      if (element === undefined || slow.has(name)) continue
      batch.push(element)
      lane.delete(element)
      lanes.delete(name)
      if (lane.size > 0) lanes.set(name, lane)
    }
    waiting -= batch.length
    return batch
  }

  function flush(): void {
    isFlushing = false
    while (inFlight < maxInFlight) {
      const batch = takeBatch()
      if (batch.length === 0) break
      void carryInPlace(batch)
    }
    for (const [name, state] of slow) {
      const [element] = lanes.get(name) ?? []
      if (element === undefined) {
        if (!state.inFlight && state.until < performance.now()) slow.delete(name)
      } else if (!state.inFlight && slowInFlight < maxInFlight) {
        remove(element)
        state.inFlight = true
        slowInFlight += 1
        void carry([element]).then(() => {
          state.inFlight = false
          slowInFlight -= 1
          flush()
        })
      }
    }
  }

  async function carryInPlace(batch: readonly Waiting[]): Promise<void> {
    inFlight += 1
    const place = {
      isLeft: false,
      expire() {
        if (overdue === MOST_OVERDUE) return
        place.isLeft = true
        overdue += 1
        inFlight -= 1
        const [first] = batch
        if (first !== undefined && batch.every(({ lane }) => lane === first.lane)) mark(first.lane, true)
        flush()
      },
    }
    placeTimes.start(place)
    await carry(batch)
    placeTimes.cancel(place)
    if (place.isLeft) overdue -= 1
    else inFlight -= 1
    flush()
  }

  /** Never rejects: whatever comes of the call is told to its elements. */
  async function carry(batch: readonly Waiting[]): Promise<void> {
    const deadline = new Deadline(callTimes)
    try {
      const requests = batch.map(({ request }) => request)
      const answers = await send(requests, toAbortSignal(deadline))
      batch.forEach((element, index) => {
        const answer = answers[index]
        if (answer === undefined) {
          reject(element, new LedgerFault('unknown', 'bad-answer', 'creditgate: the ledger gave no answer'))
          return
        }
        mark(element.lane, isLocked(answer))
        onAnswer?.(element.request, answer)
        element.signal?.removeEventListener('abort', element.giveUp)
        element.resolve(answer)
      })
    } catch (fault) {
      if (batch.length > 1 && isOfAStatement(fault)) {
        // One of them spoils it for all. Asking again is safe: each has its id.
        const half = Math.ceil(batch.length / 2)
        await carry(batch.slice(0, half))
        await carry(batch.slice(half))
        return
      }
      for (const element of batch) {
        if (batch.length === 1) mark(element.lane, fault instanceof LedgerFault && fault.code === LOCKED)
        reject(element, fault)
      }
    } finally {
      deadline.end()
    }
  }

  function reject(element: Waiting, fault: unknown): void {
    element.signal?.removeEventListener('abort', element.giveUp)
    element.reject(fault)
  }

  function giveUp(element: Waiting): void {
    reject(element, remove(element) ? new LedgerFault('not-executed', 'busy', 'creditgate: the database was busy with other calls') : new LedgerFault('unknown', 'timeout', 'creditgate: the database did not answer in time'))
  }

  function mark(lane: string, locked: boolean): void {
    if (!locked) {
      slow.delete(lane)
      return
    }
    const state = slow.get(lane) ?? { inFlight: false, until: 0 }
    state.until = performance.now() + SLOW_MILLISECONDS
    slow.set(lane, state)
  }

  return (request, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted === true || waiting >= maxWaiting) {
        reject(new LedgerFault('not-executed', 'busy', signal?.aborted === true ? 'creditgate: given up before it was sent' : `creditgate: ${waiting} calls are waiting for the database already`))
        return
      }
      const lane = findLane(request)
      const element: Waiting = { request, lane, signal, giveUp: () => giveUp(element), resolve, reject }
      signal?.addEventListener('abort', element.giveUp, { once: true })
      const present = lanes.get(lane)
      if (present === undefined) lanes.set(lane, new Set([element]))
      else present.add(element)
      waiting += 1
      if (isFlushing) return
      // Calls that are made in one go travel together: the first of them waits for the rest of its own turn, and for nothing else.
      isFlushing = true
      queueMicrotask(flush)
    })
}

/** The answer to an element whose subscription or row someone else has locked. */
function isLocked(answer: { readonly outcome: string }): boolean {
  return answer.outcome === 'failed' && 'code' in answer && answer.code === LOCKED
}

/**
 * Whether a fault came of the statement itself, so that the same call with fewer elements may fare better: data, a
 * constraint, a lock, a deadlock, the statement's own time, no room in the lock table for so many. Not of the connection or the server as a whole, which more
 * calls would only burden.
 */
function isOfAStatement(fault: unknown): boolean {
  return fault instanceof LedgerFault && fault.kind !== 'set-up' && /^((2[0-4]|4[0-9A-Z]|54|P0|XX)[0-9A-Z]{3}|53200|55P03|57014)$/.test(fault.code)
}
