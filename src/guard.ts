import type { Admission, GuardRequest } from './admission.ts'
import { checkAmount, isAmount, type Amount } from './amount.ts'
import { attemptUntil, type Attempted } from './attempts.ts'
import { createCredits, createFreeCredits, type Credits } from './credits.ts'
import { createDetachment } from './detachment.ts'
import { createEmitter } from './events.ts'
import { Deadline } from './give-up.ts'
import { parseGuardOptions, parseRouteOptions, type GuardOptions, type RouteOptions } from './guard-options.ts'
import { createCreditsHeaders } from './headers.ts'
import { readIdempotency } from './idempotency.ts'
import { identify } from './identity/identify.ts'
import type { User } from './identity/identity.ts'
import { createLeases } from './lease.ts'
import { createBulkhead } from './ledger/bulkhead.ts'
import { createSchemaCheck } from './ledger/check-schema.ts'
import { asFault, type LedgerFault } from './ledger/fault.ts'
import { createGroupCommit } from './ledger/group-commit.ts'
import type { ReserveAnswer, ReserveRequest } from './ledger/ledger.ts'
import { createOperations, type Operations } from './operations.ts'
import { decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'
import { createProblem, createRefusal, type Problem } from './problem.ts'
import { createReservationId } from './reservation-id.ts'
import { createSettler } from './settler.ts'
import { createSeparateTimeouts, createSharedTimeouts } from './timeouts.ts'

/** One guarded route, free of any framework. An adapter asks it for admission and reports how the response ended. */
export interface Gate<Context> {
  /** Rejects only with what the route's own amount function threw; nothing is reserved then. */
  admit(request: GuardRequest<Context>): Promise<Admission>
}

export interface Guard<CreditType extends string = string> extends Operations<CreditType> {
  /**
   * Guards a route: so many credits of this type for each call.
   *
   * @param amount a whole number from 0 to `maxAmount`, or a function of the host's request that gives one.
   * @throws TypeError for a credit type the guard does not know, an amount that is none, or an unknown option.
   */
  requireCredits<Context>(creditType: CreditType, amount: Amount<Context>, options?: RouteOptions): Gate<Context>
  /** Resolves when the database is ready for this guard; rejects with a `LedgerFault` that says what to do. For start-up. */
  ready(): Promise<void>
  /**
   * Waits until every call that was admitted is settled, for at most so many seconds (default 10). Returns how many are
   * left. For SIGTERM, once the server takes no more requests; what is left is given back when its lease ends.
   */
  close(options?: { readonly withinSeconds?: number }): Promise<number>
}

/**
 * Makes the guard: one for an application, shared by all its routes.
 *
 * @throws TypeError naming each option that is unknown or wrong.
 * @example
 * const guard = createGuard({
 *   identity: supabaseJwt({ url }), // https://<ref>.supabase.co
 *   ledger: supabaseLedger(createClient(url, secretKey)),
 * })
 */
export function createGuard<const CreditType extends string = 'ai' | 'lead' | 'skipTrace'>(options: GuardOptions<CreditType>): Guard<CreditType> {
  const settings = parseGuardOptions(options)
  const { identity, creditTypes, leaseSeconds, maxHoldSeconds, maxAmount } = settings
  const callMilliseconds = settings.reserveTimeoutSeconds * 1000
  const ledger = settings.groupCommit === false ? createBulkhead(settings.ledger) : createGroupCommit(settings.ledger, settings.groupCommit)
  const emit = createEmitter(settings.onEvent)
  // Where requests may not wait for one another's calls, they may not for one another's timers.
  const createTimeouts = settings.groupCommit === false ? createSeparateTimeouts : createSharedTimeouts
  const settler = createSettler(ledger, emit, createTimeouts)
  const keepLease = createLeases(ledger, { leaseSeconds, maxHoldSeconds, createTimeouts })
  const checkSchema = createSchemaCheck(ledger, creditTypes)
  const calls = createTimeouts(callMilliseconds)
  const guarded = new Map(creditTypes.map((type): [string, WeakSet<object>] => [type, new WeakSet()]))

  /** The sentence of the product: identity, amount, reserve, handler (the host's), outcome, settle. */
  function requireCredits<Context>(creditType: CreditType, amount: Amount<Context>, routeOptions: RouteOptions = {}): Gate<Context> {
    const seen = findGuarded(creditType)
    checkAmount(amount, maxAmount)
    const route = parseRouteOptions(routeOptions)
    const settleBy = route.settleBy ?? settings.settleBy

    async function admit(request: GuardRequest<Context>): Promise<Admission> {
      const { method, authorization, context } = request
      if (method === 'HEAD' || method === 'OPTIONS') return admitFree(creditType)
      if (seen.has(context)) {
        return fail(new Error(`creditgate: this route requires ${creditType} credits twice; require them once, with the sum`))
      }
      seen.add(context)

      const identified = await identify(identity, authorization, route)
      if (identified.outcome === 'refused') {
        if (identified.cause !== undefined) emit({ type: 'fault', error: asError(identified.cause), creditType })
        return deny(identified.problem, undefined)
      }
      const { user } = identified

      const wanted = typeof amount === 'function' ? await amount(context) : amount
      if (!isAmount(wanted, maxAmount)) {
        return deny(createProblem('invalid-request', { detail: `The amount of credits must be a whole number from 0 to ${maxAmount}.` }), user.id)
      }

      const keyed = await readIdempotency(request, { mode: route.idempotency, creditType })
      if (keyed.outcome === 'refused') return deny(keyed.problem, user.id)

      const id = createReservationId()
      const held = { id, user: user.id, amounts: { [creditType]: wanted }, lease: leaseSeconds }
      const answer = await reserve(keyed.idempotency === undefined ? held : { ...held, idempotency: keyed.idempotency })
      if ('problem' in answer) return deny(answer.problem, user.id)
      settler.expect(id)
      emit({ type: 'reserved', reservation: id, user: user.id, creditType, amount: wanted })
      return hold({ id, creditType, amount: wanted, remaining: answer.balances[creditType]?.remaining ?? null, user }, createCreditsHeaders(id, answer.balances))
    }

    /** What is reserved stays held while the handler runs, and is settled when its response has ended. */
    function hold(facts: HeldCredits, headers: Readonly<Record<string, string>>): Admission {
      const { id, user } = facts
      const detachment = createDetachment(ledger, {
        id,
        user: user.id,
        withinMilliseconds: callMilliseconds,
        onDetached(seconds) {
          lease.stop()
          settler.release(id)
          emit({ type: 'detached', reservation: id, creditType, leaseSeconds: seconds })
        },
      })
      const record = createCredits(facts, { metered: route.metered, emit, onReport: () => lease.hurry(), detach: (options) => detachment.detach(options) })
      const lease = keepLease(() => {
        const { reported } = record.statement
        return { id, user: user.id, ...(reported !== undefined && { reported: { [creditType]: reported } }) }
      })
      let settled: Promise<void> | undefined
      return {
        outcome: 'admitted',
        credits: record.credits,
        headers,
        settle: (outcome) =>
          (settled ??= (async () => {
            lease.stop()
            const settlement = decide(outcome, record.statement)
            if (await detachment.resolve()) return
            await settler.settle({ id, user: user.id, creditType, until: lease.until }, settlement)
          })()),
      }
    }

    /** A route's own rule may fail or answer nonsense; the credits are then settled by the table, and the developer told. */
    function decide(outcome: Outcome, statement: Statement): Settlement {
      try {
        const settlement = settleBy(outcome, statement)
        if (isSettlement(settlement, statement.reserved)) return settlement
        throw new TypeError(`creditgate: settleBy must answer refund, or commit with an amount from 0 to ${statement.reserved}; it answered ${JSON.stringify(settlement)}`)
      } catch (error) {
        emit({ type: 'fault', error: asError(error), creditType })
        return decideSettlement(outcome, statement)
      }
    }

    async function reserve(request: ReserveRequest): Promise<Extract<ReserveAnswer, { outcome: 'reserved' }> | { readonly problem: Problem }> {
      const { id, user } = request
      const deadline = new Deadline(calls)
      let reserving: Attempted<ReserveAnswer>
      try {
        await checkSchema(callMilliseconds)
        reserving = await attemptUntil((signal) => ledger.reserve([request], signal), deadline)
      } catch (error) {
        return { problem: reportFault(asFault(error)) }
      } finally {
        deadline.end()
      }
      // A lost attempt may still arrive and hold credits: refunding an id that is not there yet makes it arrive in vain.
      const used = reserving.outcome === 'answered' && reserving.answer.outcome === 'reserved'
      if (reserving.unknown && !used) void settler.settle({ id, user, creditType, until: performance.now() + leaseSeconds * 1000 }, { outcome: 'refund' })
      if (reserving.outcome === 'unanswered') return { problem: reportFault(reserving.fault) }
      const { answer } = reserving
      if (answer.outcome === 'reserved') return answer
      const problem = createRefusal(answer, settings.topUpUrl)
      if (problem !== undefined) return { problem }
      const reason = answer.outcome === 'invalid' ? answer.reason : answer.outcome
      emit({ type: 'fault', error: new Error(`creditgate: reservation ${id} was answered with: ${reason}`), creditType })
      return { problem: createProblem('server-error') }
    }

    function reportFault(fault: LedgerFault): Problem {
      emit({ type: 'fault', error: fault, creditType })
      return createProblem(fault.kind === 'set-up' ? 'server-error' : 'credits-unavailable')
    }

    function deny(problem: Problem, user: string | undefined): Admission {
      emit({ type: 'denied', problem: problem.name, user, creditType })
      return { outcome: 'denied', problem }
    }

    function fail(error: Error): Admission {
      emit({ type: 'fault', error, creditType })
      return deny(createProblem('server-error'), undefined)
    }

    return Object.freeze({ admit })
  }

  function findGuarded(creditType: string): WeakSet<object> {
    const contexts = guarded.get(creditType)
    if (contexts === undefined) throw new TypeError(`creditgate: requireCredits: there is no credit type "${creditType}"; the guard knows ${creditTypes.join(', ')}`)
    return contexts
  }

  return Object.freeze({
    requireCredits,
    ...createOperations<CreditType>(ledger, callMilliseconds),
    async ready() {
      await checkSchema(callMilliseconds)
    },
    close: ({ withinSeconds = 10 } = {}) => settler.drain(withinSeconds * 1000),
  })
}

type HeldCredits = Pick<Credits, 'id' | 'creditType' | 'amount' | 'remaining'> & { readonly user: User }

function admitFree(creditType: string): Admission {
  return { outcome: 'admitted', credits: createFreeCredits(creditType), headers: {}, settle: () => Promise.resolve() }
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
