import { createAdmission, type Admission } from './admission.ts'
import { createAmounts } from './amounts.ts'
import { attemptUntil, type Attempted } from './attempts.ts'
import { createCredits, type Credits, type CreditsRecord } from './credits.ts'
import { createDetachment } from './detachment.ts'
import type { EventListener } from './events.ts'
import { Deadline } from './give-up.ts'
import type { ParsedGuardOptions, ParsedRouteOptions } from './guard-options.ts'
import { createCreditsHeaders } from './headers.ts'
import type { User } from './identity/identity.ts'
import type { DescribeHeld, Lease } from './lease.ts'
import { asFault } from './ledger/fault.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, Idempotency, ReserveAnswer, ReserveRequest } from './ledger/ledger.ts'
import type { Pulse, Tab } from './outage.ts'
import { decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'
import { createProblem, createRefusal, type Problem } from './problem.ts'
import { createRecorder } from './recorder.ts'
import { packResponse, unpackResponse } from './replay.ts'
import { createReservationId } from './reservation-id.ts'
import { createShadow } from './shadow.ts'
import { createUnsettled, type Settler } from './settler.ts'
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
  checkSchema(times: Timeouts): Promise<void>
}

/** What one route asks of it. */
export interface HoldOptions {
  readonly creditTypes: readonly [string, ...string[]]
  readonly route: ParsedRouteOptions
  readonly isShadow: boolean
  /** Of calls that are admitted while the database is away; undefined: none are. */
  readonly tab: Tab | undefined
  readonly deny: (problem: Problem, claim: { readonly user: string; readonly amounts: Amounts }) => Admission
  /** Tells the developer of a fault. */
  readonly report: (error: unknown) => void
}

export interface Claim {
  readonly user: User
  readonly amounts: Amounts
  readonly idempotency?: Idempotency | undefined
  /** The session that must still exist; undefined: that is not asked. */
  readonly session?: string | undefined
}

type Held = Pick<Credits, 'id' | 'amounts' | 'balances'> & { readonly user: User }

/**
 * Reserves what a call costs, holds it while its handler runs, and settles it when the response has ended.
 *
 * @returns a function that does it for one call.
 */
export function createHold(services: GuardServices, { creditTypes, route, isShadow, tab, deny, report }: HoldOptions): (claim: Claim) => Promise<Admission> {
  const { settings, ledger, settler, emit, calls } = services
  const { leaseSeconds } = settings
  const settleBy = route.settleBy ?? settings.settleBy
  const reservesMore = route.surplus === 'reserve-more'
  const min = route.affordable?.min
  const least = typeof min === 'number' ? createAmounts(creditTypes, () => min) : min

  async function hold({ user, amounts: wanted, idempotency, session }: Claim): Promise<Admission> {
    const request: ReserveRequest = {
      id: createReservationId(),
      user: user.id,
      amounts: wanted,
      lease: leaseSeconds,
      ...(idempotency !== undefined && { idempotency }),
      // No more than is asked for: a call that wants less than the least wants all of it.
      ...(least !== undefined && { least: createAmounts(Object.keys(least), (type) => Math.min(least[type] ?? 0, wanted[type] ?? 0)) }),
      ...(session !== undefined && { session }),
      ...(isShadow && { dryRun: true }),
    }
    const began = performance.now()
    const attempted = await reserve(request)
    if (attempted.outcome === 'answered') {
      services.pulse.beat()
      const { answer } = attempted
      if (answer.outcome === 'reserved') return keep({ id: request.id, user, amounts: answer.amounts, balances: answer.balances }, idempotency !== undefined)
    } else {
      report(attempted.fault)
      if (!isShadow && services.pulse.isAway(began, attempted.fault) && tab?.open(request) === true) return keepOpened(request, user, tab)
    }
    // A lost attempt may still arrive and hold credits: refunding an id that is not there yet makes it arrive in vain.
    if (attempted.unknown && !isShadow) void settler.settle(createUnsettled(request), { outcome: 'refund' })
    return refuse(attempted, request)
  }

  async function reserve(request: ReserveRequest): Promise<Attempted<ReserveAnswer>> {
    const deadline = new Deadline(calls)
    try {
      await services.checkSchema(calls)
      return await attemptUntil((signal) => ledger.reserve([request], signal), deadline)
    } catch (error) {
      return { outcome: 'unanswered', fault: asFault(error), unknown: false }
    } finally {
      deadline.end()
    }
  }

  function refuse(attempted: Attempted<ReserveAnswer>, { id, user, amounts }: ReserveRequest): Admission {
    if (attempted.outcome === 'unanswered') return deny(createProblem(attempted.fault.kind === 'set-up' ? 'server-error' : 'credits-unavailable'), { user, amounts })
    const { answer } = attempted
    if (answer.outcome === 'already_charged' && answer.response !== undefined && route.replay !== undefined) {
      const { reservation, response } = answer
      emit({ type: 'replayed', reservation, user, creditTypes })
      return { outcome: 'replayed', reservation, response: unpackResponse(response) }
    }
    const problem = createRefusal(answer, settings.topUpUrl)
    if (problem === undefined) report(new Error(`creditgate: reservation ${id} was answered with: ${answer.outcome === 'invalid' ? answer.reason : answer.outcome}`))
    return deny(problem ?? createProblem('server-error'), { user, amounts })
  }

  /** What is reserved stays held while the handler runs, and is settled when its response has ended. */
  function keep(held: Held, isKeyed: boolean): Admission {
    const { id, user, amounts, balances } = held
    if (isShadow) return createShadow({ user, creditTypes, amounts, balances, metered: route.metered, decide, emit })
    settler.expect(id)
    emit({ type: 'reserved', reservation: id, user: user.id, amounts })
    const detachment = createDetachment(ledger, {
      id,
      user: user.id,
      calls,
      onDetached(seconds) {
        lease.stop()
        settler.release(id)
        emit({ type: 'detached', reservation: id, creditTypes, leaseSeconds: seconds })
      },
    })
    const record = describe(held, detachment.detach, () => lease.hurry())
    const lease = services.keepLease(() => {
      const { reported } = record.statement
      return { id, user: user.id, ...(reported !== undefined && { reported }) }
    })
    const recorder = isKeyed && route.replay !== undefined ? createRecorder(route.replay) : undefined
    return createAdmission({
      credits: record.credits,
      headers: createCreditsHeaders(id, balances),
      recorder,
      async end(outcome) {
        lease.stop()
        const settlement = decide(outcome, record.statement)
        if (await detachment.resolve()) return
        // What was cut off is not the answer: it is not kept.
        const response = outcome.ended === 'finished' ? recorder?.read() : undefined
        await settler.settle({ id, user: user.id, reserved: amounts, until: lease.until, reservesMore, ...(response !== undefined && { response: packResponse(response) }) }, settlement)
      },
    })
  }

  /** Admitted without anything held: what it owes is collected when the database is back. */
  function keepOpened(request: ReserveRequest, user: User, opened: Tab): Admission {
    const { id, amounts } = request
    const refuse = () => Promise.reject(new Error(`creditgate: reservation ${id} cannot be detached: the database could not be reached, nothing is held`))
    const record = describe({ id, user, amounts, balances: {} }, refuse)
    return createAdmission({
      credits: record.credits,
      // Not awaited: on hosts that settle before a body closes, the client would wait until the database is back.
      end: (outcome) => void opened.collect(request, decide(outcome, record.statement)),
    })
  }

  function describe(held: Held, detach: Credits['detach'], onReport?: () => void): CreditsRecord {
    return createCredits({ ...held, creditType: creditTypes[0] }, { metered: route.metered, reservesMore, emit, onReport, detach })
  }

  /** A route's own rule may fail or answer nonsense; the credits are then settled by the table, and the developer told. */
  function decide(outcome: Outcome, statement: Statement): Settlement {
    try {
      const settlement = settleBy(outcome, statement)
      if (isSettlement(settlement, statement.reserved, statement.actual)) return settlement
      throw new TypeError(`creditgate: settleBy must answer refund, or commit with amounts of at most ${JSON.stringify(statement.reserved)}; it answered ${JSON.stringify(settlement)}`)
    } catch (error) {
      report(error)
      return decideSettlement(outcome, statement)
    }
  }

  return hold
}
