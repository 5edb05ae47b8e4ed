import type { Admission, GuardRequest } from './admission.ts'
import { checkAmount, isAmount, type Amount } from './amount.ts'
import { createCredits, createFreeCredits } from './credits.ts'
import { createEmitter } from './events.ts'
import { parseGuardOptions, parseRouteOptions, type GuardOptions, type RouteOptions } from './guard-options.ts'
import { createCreditsHeaders } from './headers.ts'
import { identify } from './identity/identify.ts'
import { keepLease } from './lease.ts'
import { createSchemaCheck } from './ledger/check-schema.ts'
import type { Amounts, CommitAnswer, RefundAnswer, ReserveAnswer } from './ledger/ledger.ts'
import { decideSettlement, isSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'
import { createInsufficientCredits, createProblem, type Problem } from './problem.ts'
import { createReservationId } from './reservation-id.ts'
import { asFault, reserveWithin } from './reserve.ts'
import { createSettler } from './settler.ts'

/** One guarded route, free of any framework. An adapter asks it for admission and reports how the response ended. */
export interface Gate<Context> {
  /** Rejects only with what the route's own amount function threw; nothing is reserved then. */
  admit(request: GuardRequest<Context>): Promise<Admission>
}

export interface Guard<CreditType extends string = string> {
  /**
   * Guards a route: so many credits of this type for each call.
   *
   * @param amount a whole number from 0 to `maxAmount`, or a function of the host's request that gives one.
   * @throws TypeError for a credit type the guard does not know, an amount that is none, or an unknown option.
   */
  requireCredits<Context>(creditType: CreditType, amount: Amount<Context>, options?: RouteOptions): Gate<Context>
  /** Commits a reservation by its id, from anywhere. No amount: everything. Rejects with a `LedgerFault`. */
  commit(id: string, amount?: number | Amounts): Promise<CommitAnswer>
  /** Refunds a reservation by its id, from anywhere. Rejects with a `LedgerFault`. */
  refund(id: string): Promise<RefundAnswer>
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
  const { identity, ledger, creditTypes, leaseSeconds, maxAmount } = settings
  const emit = createEmitter(settings.onEvent)
  const settler = createSettler(ledger, emit)
  const checkSchema = createSchemaCheck(ledger, creditTypes)
  const guarded = new WeakMap<object, Set<string>>()

  /** The sentence of the product: identity, amount, reserve, handler (the host's), outcome, settle. */
  function requireCredits<Context>(creditType: CreditType, amount: Amount<Context>, routeOptions: RouteOptions = {}): Gate<Context> {
    if (!(creditTypes as readonly string[]).includes(creditType)) {
      throw new TypeError(`creditgate: requireCredits: there is no credit type "${creditType}"; the guard knows ${creditTypes.join(', ')}`)
    }
    checkAmount(amount, maxAmount)
    const route = parseRouteOptions(routeOptions)
    const settleBy = route.settleBy ?? settings.settleBy

    async function admit({ method, authorization, context }: GuardRequest<Context>): Promise<Admission> {
      if (method === 'HEAD' || method === 'OPTIONS') return admitFree(creditType)
      if (isGuardedTwice(context, creditType)) {
        return fail(new Error(`creditgate: this route requires ${creditType} credits twice; require them once, with the sum`))
      }

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

      const id = createReservationId()
      const answer = await reserve(id, user.id, wanted)
      if ('problem' in answer) return deny(answer.problem, user.id)
      settler.expect(id)
      emit({ type: 'reserved', reservation: id, user: user.id, creditType, amount: wanted })

      const remaining = answer.balances[creditType]?.remaining ?? null
      const record = createCredits({ id, creditType, amount: wanted, remaining, user }, { metered: route.metered, emit })
      const lease = keepLease(ledger, {
        leaseSeconds,
        maxHoldSeconds: settings.maxHoldSeconds,
        describe: () => {
          const { reported } = record.statement
          return reported === undefined ? { id, user: user.id } : { id, user: user.id, reported: { [creditType]: reported } }
        },
      })
      let settled: Promise<void> | undefined
      return {
        outcome: 'admitted',
        credits: record.credits,
        headers: createCreditsHeaders(id, answer.balances),
        settle: (outcome) =>
          (settled ??= (async () => {
            lease.stop()
            await settler.settle({ id, user: user.id, creditType, until: lease.until }, decide(outcome, record.statement))
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

    async function reserve(id: string, user: string, wanted: number): Promise<Extract<ReserveAnswer, { outcome: 'reserved' }> | { readonly problem: Problem }> {
      const milliseconds = settings.reserveTimeoutSeconds * 1000
      const deadline = Date.now() + milliseconds
      try {
        await checkSchema(AbortSignal.timeout(milliseconds))
      } catch (error) {
        return { problem: reportFault(asFault(error)) }
      }
      const reserving = await reserveWithin(ledger, { id, user, amounts: { [creditType]: wanted }, lease: leaseSeconds }, Math.max(1, deadline - Date.now()))
      // A lost attempt may still arrive and hold credits: refunding an id that is not there yet makes it arrive in vain.
      const used = reserving.outcome === 'answered' && reserving.answer.outcome === 'reserved'
      if (reserving.unknown && !used) void settler.settle({ id, user, creditType, until: Date.now() + leaseSeconds * 1000 }, { outcome: 'refund' })
      if (reserving.outcome === 'unanswered') return { problem: reportFault(reserving.fault) }
      const { answer } = reserving
      switch (answer.outcome) {
        case 'reserved':
          return answer
        case 'insufficient':
          return { problem: createInsufficientCredits(answer, settings.topUpUrl) }
        case 'no_subscription':
          return { problem: createProblem('subscription-required') }
        default: {
          const reason = answer.outcome === 'invalid' ? answer.reason : answer.outcome
          emit({ type: 'fault', error: new Error(`creditgate: reservation ${id} was answered with: ${reason}`), creditType })
          return { problem: createProblem('server-error') }
        }
      }
    }

    function reportFault(fault: ReturnType<typeof asFault>): Problem {
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

  function isGuardedTwice(context: object, creditType: string): boolean {
    const types = guarded.get(context) ?? new Set()
    guarded.set(context, types)
    return types.size === types.add(creditType).size
  }

  return Object.freeze({
    requireCredits,
    async commit(id: string, amount?: number | Amounts) {
      const [answer] = await ledger.commit([amount === undefined ? { id } : { id, amounts: amount }])
      return expectAnswer(answer)
    },
    async refund(id: string) {
      const [answer] = await ledger.refund([{ id }])
      return expectAnswer(answer)
    },
    async ready() {
      await checkSchema(AbortSignal.timeout(settings.reserveTimeoutSeconds * 1000))
    },
    close: ({ withinSeconds = 10 } = {}) => settler.drain(withinSeconds * 1000),
  })
}

function admitFree(creditType: string): Admission {
  return { outcome: 'admitted', credits: createFreeCredits(creditType), headers: {}, settle: () => Promise.resolve() }
}

function expectAnswer<Answer>(answer: Answer | undefined): Answer {
  if (answer === undefined) throw asFault(new Error('creditgate: the ledger gave no answer'))
  return answer
}

function asError(cause: unknown): Error {
  return cause instanceof Error ? cause : new Error(String(cause))
}
