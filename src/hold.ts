import type { Admission } from './admission.ts'
import { attemptUntil, type Attempted } from './attempts.ts'
import { createCredits, type CreditsRecord } from './credits.ts'
import { createDetachment } from './detachment.ts'
import type { EventListener } from './events.ts'
import { Deadline } from './give-up.ts'
import type { ParsedGuardOptions, ParsedRouteOptions } from './guard-options.ts'
import { createCreditsHeaders } from './headers.ts'
import type { User } from './identity/identity.ts'
import type { DescribeHeld, Lease } from './lease.ts'
import { asFault, type LedgerFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, Balance, Idempotency, ReserveAnswer, ReserveRequest } from './ledger/ledger.ts'
import type { Pulse, Tab } from './outage.ts'
import { decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'
import { createProblem, createRefusal, type Problem } from './problem.ts'
import { createRecorder, type StoredResponse } from './recorder.ts'
import { packResponse, unpackResponse } from './replay.ts'
import { createReservationId } from './reservation-id.ts'
import { createShadow } from './shadow.ts'
import type { Settler } from './settler.ts'
import type { Timeouts } from './timeouts.ts'

/** What all routes of a guard share. */
export interface GuardServices {
  readonly settings: ParsedGuardOptions
  readonly ledger: GuardLedger
  readonly settler: Settler
  readonly emit: EventListener
  readonly calls: Timeouts
  readonly pulse: Pulse
  keepLease(describe: DescribeHeld): Lease
  checkSchema(milliseconds: number): Promise<void>
}

/** What one route asks of it. */
export interface HoldOptions {
  readonly creditTypes: readonly [string, ...string[]]
  readonly route: ParsedRouteOptions
  /** Of calls that are admitted while the database is away; undefined: none are. */
  readonly tab: Tab | undefined
  readonly deny: (problem: Problem, claim: Claim) => Admission
}

export interface Claim {
  readonly user: User
  readonly amounts: Amounts
  readonly idempotency?: Idempotency | undefined
  /** The session that must still exist; undefined: that is not asked. */
  readonly session?: string | undefined
}

/**
 * Reserves what a call costs, holds it while its handler runs, and settles it when the response has ended.
 *
 * @returns a function that does it for one call.
 */
export function createHold(services: GuardServices, { creditTypes, route, tab, deny }: HoldOptions): (claim: Claim) => Promise<Admission> {
  const { settings, ledger, settler, emit } = services
  const { leaseSeconds } = settings
  const callMilliseconds = settings.reserveTimeoutSeconds * 1000
  const isShadow = (route.mode ?? settings.mode) === 'shadow'
  const settleBy = route.settleBy ?? settings.settleBy
  const least = route.affordable === undefined ? undefined : createLeast(route.affordable.min, creditTypes)

  async function hold(claim: Claim): Promise<Admission> {
    const { user, amounts: wanted, idempotency, session } = claim
    const id = createReservationId()
    const request: ReserveRequest = {
      id,
      user: user.id,
      amounts: wanted,
      lease: leaseSeconds,
      ...(idempotency !== undefined && { idempotency }),
      ...(least !== undefined && { least: createLeastOf(least, wanted) }),
      ...(session !== undefined && { session }),
      ...(isShadow && { dryRun: true }),
    }
    const reserving = await reserve(request)
    const isOpened = reserving.outcome === 'unavailable' && reserving.isOutage && !isShadow && tab?.open(request) === true
    // A lost attempt may still arrive and hold credits: refunding an id that is not there yet makes it arrive in vain.
    if (reserving.unknown && !isOpened && !isShadow) void settler.settle({ id, user: user.id, reserved: wanted, until: performance.now() + leaseSeconds * 1000 }, { outcome: 'refund' })
    if (isOpened) return keepOpened(request, user)
    if (reserving.outcome === 'replayed') {
      const { reservation, response } = reserving
      emit({ type: 'replayed', reservation, user: user.id, creditTypes })
      return { outcome: 'replayed', reservation, response }
    }
    if (reserving.outcome !== 'reserved') return deny(reserving.problem, claim)

    const { amounts, balances } = reserving.answer
    if (isShadow) return createShadow({ user, creditTypes, amounts, balances, metered: route.metered, decide, emit })
    settler.expect(id)
    emit({ type: 'reserved', reservation: id, user: user.id, amounts })
    return keep({ id, user, amounts, balances }, idempotency !== undefined)
  }

  /** `unknown`: an attempt was lost and may still be carried out. */
  type Reserving =
    | { readonly outcome: 'reserved'; readonly answer: Extract<ReserveAnswer, { outcome: 'reserved' }>; readonly unknown: false }
    | { readonly outcome: 'replayed'; readonly reservation: string; readonly response: StoredResponse; readonly unknown: boolean }
    | { readonly outcome: 'refused'; readonly problem: Problem; readonly unknown: boolean }
    | { readonly outcome: 'unavailable'; readonly problem: Problem; readonly unknown: boolean; readonly isOutage: boolean }

  async function reserve(request: ReserveRequest): Promise<Reserving> {
    const began = performance.now()
    const deadline = new Deadline(services.calls)
    let attempted: Attempted<ReserveAnswer>
    try {
      await services.checkSchema(callMilliseconds)
      attempted = await attemptUntil((signal) => ledger.reserve([request], signal), deadline)
    } catch (error) {
      return reportFault(asFault(error), { unknown: false, began })
    } finally {
      deadline.end()
    }
    const { unknown } = attempted
    if (attempted.outcome === 'unanswered') return reportFault(attempted.fault, { unknown, began })
    services.pulse.beat()
    const { answer } = attempted
    if (answer.outcome === 'reserved') return { outcome: 'reserved', answer, unknown: false }
    if (answer.outcome === 'already_charged' && answer.response !== undefined && route.replay !== undefined) {
      return { outcome: 'replayed', reservation: answer.reservation, response: unpackResponse(answer.response), unknown }
    }
    const problem = createRefusal(answer, settings.topUpUrl)
    if (problem !== undefined) return { outcome: 'refused', problem, unknown }
    const reason = answer.outcome === 'invalid' ? answer.reason : answer.outcome
    emit({ type: 'fault', error: new Error(`creditgate: reservation ${request.id} was answered with: ${reason}`), creditTypes })
    return { outcome: 'refused', problem: createProblem('server-error'), unknown }
  }

  function reportFault(fault: LedgerFault, { unknown, began }: { readonly unknown: boolean; readonly began: number }): Reserving {
    emit({ type: 'fault', error: fault, creditTypes })
    if (fault.kind === 'set-up') return { outcome: 'refused', problem: createProblem('server-error'), unknown }
    return { outcome: 'unavailable', problem: createProblem('credits-unavailable'), unknown, isOutage: services.pulse.isAway(began, fault) }
  }

  interface Held {
    readonly id: string
    readonly user: User
    readonly amounts: Amounts
    readonly balances: Readonly<Record<string, Balance>>
  }

  /** What is reserved stays held while the handler runs, and is settled when its response has ended. */
  function keep(held: Held, isKeyed: boolean): Admission {
    const { id, user } = held
    const detachment = createDetachment(ledger, {
      id,
      user: user.id,
      withinMilliseconds: callMilliseconds,
      onDetached(seconds) {
        lease.stop()
        settler.release(id)
        emit({ type: 'detached', reservation: id, creditTypes, leaseSeconds: seconds })
      },
    })
    const record = describe(held, () => lease.hurry(), (options) => detachment.detach(options))
    const lease = services.keepLease(() => {
      const { reported } = record.statement
      return { id, user: user.id, ...(reported !== undefined && { reported }) }
    })
    const recorder = isKeyed && route.replay !== undefined ? createRecorder(route.replay) : undefined
    let settled: Promise<void> | undefined
    return {
      outcome: 'admitted',
      credits: record.credits,
      headers: createCreditsHeaders(id, held.balances),
      recorder,
      settle: (outcome) =>
        (settled ??= (async () => {
          lease.stop()
          const settlement = decide(outcome, record.statement)
          if (await detachment.resolve()) return
          // What was cut off is not the answer: it is not kept.
          const response = outcome.ended === 'finished' ? recorder?.read() : undefined
          await settler.settle(
            { id, user: user.id, reserved: held.amounts, until: lease.until, reservesMore: route.surplus === 'reserve-more', ...(response !== undefined && { response: packResponse(response) }) },
            settlement,
          )
        })()),
    }
  }

  /** Admitted without anything held: what it owes is collected when the database is back. */
  function keepOpened(request: ReserveRequest, user: User): Admission {
    const unavailable = () => Promise.reject(new Error(`creditgate: reservation ${request.id} cannot be detached: the database could not be reached, nothing is held`))
    const record = describe({ id: request.id, user, amounts: request.amounts, balances: {} }, () => undefined, unavailable)
    let isSettled = false
    return {
      outcome: 'admitted',
      credits: record.credits,
      headers: {},
      // Not awaited: on hosts that settle before a body closes, the client would wait until the database is back.
      settle(outcome) {
        if (!isSettled) void tab?.collect(request, decide(outcome, record.statement))
        isSettled = true
        return Promise.resolve()
      },
    }
  }

  function describe(held: Held, onReport: () => void, detach: CreditsRecord['credits']['detach']): CreditsRecord {
    return createCredits({ ...held, creditType: creditTypes[0] }, { metered: route.metered, reservesMore: route.surplus === 'reserve-more', emit, onReport, detach })
  }

  /** A route's own rule may fail or answer nonsense; the credits are then settled by the table, and the developer told. */
  function decide(outcome: Outcome, statement: Statement): Settlement {
    try {
      const settlement = settleBy(outcome, statement)
      if (isSettlement(settlement, statement.reserved, statement.actual)) return settlement
      throw new TypeError(`creditgate: settleBy must answer refund, or commit with amounts of at most ${JSON.stringify(statement.reserved)}; it answered ${JSON.stringify(settlement)}`)
    } catch (error) {
      emit({ type: 'fault', error: error instanceof Error ? error : new Error(String(error)), creditTypes })
      return decideSettlement(outcome, statement)
    }
  }

  return hold
}

function createLeast(min: number | Amounts, creditTypes: readonly string[]): Amounts {
  return typeof min === 'number' ? Object.fromEntries(creditTypes.map((type) => [type, min])) : min
}

/** No more than is asked for: a call that wants less than the least wants all of it. */
function createLeastOf(least: Amounts, wanted: Amounts): Amounts {
  return Object.fromEntries(Object.entries(least).map(([type, min]) => [type, Math.min(min, wanted[type] ?? 0)]))
}
