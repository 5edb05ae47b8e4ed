import { createAdmission, createDenial, type Admission, type Admitted, type GuardRequest } from './admission.ts'
import { createFreeCredits } from './credits.ts'
import { createEmitter } from './events.ts'
import { parseGuardOptions, parseRouteOptions, type GuardOptions } from './guard-options.ts'
import { createHold } from './hold.ts'
import { readIdempotency } from './idempotency.ts'
import { UUID } from './identity/claims.ts'
import { identify } from './identity/identify.ts'
import type { User } from './identity/identity.ts'
import { createLeases } from './lease.ts'
import { createBulkhead } from './ledger/bulkhead.ts'
import { createSchemaCheck } from './ledger/check-schema.ts'
import { createGroupCommit } from './ledger/group-commit.ts'
import type { Amounts } from './ledger/ledger.ts'
import { createOperations, type Operations } from './operations.ts'
import { createDebts, createPulse } from './outage.ts'
import { parsePrice, type Price } from './price.ts'
import { createProblem, type Problem } from './problem.ts'
import { createSettler } from './settler.ts'
import { createShadowDenial } from './shadow.ts'
import { createSeparateTimeouts, createSharedTimeouts } from './timeouts.ts'

/** One guarded route, free of any framework. An adapter asks it for admission and reports how the response ended. */
export interface Gate<Context> {
  /** Rejects only with what the route's own amount function threw; nothing is reserved then. */
  admit(request: GuardRequest<Context>): Promise<Admission>
}

export interface Guard<CreditType extends string = string> extends Operations<CreditType> {
  /**
   * Guards a route: so many credits of this type for each call, or of several types, all or nothing.
   *
   * @param price a credit type and an amount, or amounts by type; then options. An amount is a whole number from 0 to
   * `maxAmount`, or a function of the host's request that gives one.
   * @throws TypeError for a credit type the guard does not know, an amount that is none, or an unknown option.
   */
  requireCredits<Context>(...price: Price<CreditType, Context>): Gate<Context>
  /**
   * The same without a request at hand: for work that begins elsewhere than at a route. `user` is the Supabase user's id, and
   * is believed. Whoever is admitted must be settled.
   *
   * @throws TypeError as `requireCredits`, and for a `user` that is no UUID.
   */
  reserve(user: string, ...price: Price<CreditType, undefined>): Promise<Admission>
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
  const { identity, creditTypes: known, leaseSeconds, maxHoldSeconds, maxAmount } = settings
  const emit = createEmitter(settings.onEvent)
  // Where requests may not wait for one another's calls, they may not for one another's timers.
  const [ledger, createTimeouts] =
    settings.groupCommit === undefined ? [createBulkhead(settings.ledger), createSeparateTimeouts] : [createGroupCommit(settings.ledger, settings.groupCommit), createSharedTimeouts]
  const calls = createTimeouts(settings.reserveTimeoutSeconds * 1000)
  const settler = createSettler(ledger, emit, createTimeouts)
  const keepLease = createLeases(ledger, { leaseSeconds, maxHoldSeconds, createTimeouts })
  const checkSchema = createSchemaCheck(ledger, known)
  const debts = createDebts({ ledger, settler, emit, calls })
  const services = { settings, ledger, settler, emit, calls, pulse: createPulse(), keepLease, checkSchema }
  const guarded = new Map(known.map((type): [string, WeakSet<object>] => [type, new WeakSet()]))

  /** A route's price and rules, and what it does with a call. */
  function createRoute<Context>(price: Price<CreditType, Context>) {
    const { creditTypes, options: routeOptions, compute } = parsePrice(price, { creditTypes: known, maxAmount })
    const route = parseRouteOptions(routeOptions)
    const isShadow = (route.mode ?? settings.mode) === 'shadow'
    const tab = route.onOutage === 'closed' ? undefined : debts.createTab(route.onOutage.openUpTo)
    const hold = createHold(services, { creditTypes, route, isShadow, tab, deny, report })

    function report(error: unknown): void {
      emit({ type: 'fault', error: error instanceof Error ? error : new Error(String(error)), creditTypes })
    }

    function deny(problem: Problem, { user, amounts }: { readonly user?: string | undefined; readonly amounts?: Amounts | undefined } = {}): Admission {
      const facts = { problem: problem.name, user, creditTypes }
      if (isShadow) return createShadowDenial(admitFree(amounts), { ...facts, emit })
      emit({ type: 'denied', ...facts })
      return createDenial(problem)
    }

    function admitFree(amounts?: Amounts): Admitted {
      return createAdmission({ credits: createFreeCredits(creditTypes, amounts), end: () => undefined })
    }

    /** Amount, reserve: for a caller who is known. */
    async function charge(user: User, context: Context, { request, session }: { readonly request?: GuardRequest<Context>; readonly session?: string | undefined } = {}): Promise<Admission> {
      const amounts = await compute(context)
      if (amounts === undefined) return deny(createProblem('invalid-request', { detail: `The amount of credits must be a whole number from 0 to ${maxAmount}.` }), { user: user.id })
      const keyed = request && (await readIdempotency(request, { mode: route.idempotency, creditTypes }))
      if (keyed?.outcome === 'refused') return deny(keyed.problem, { user: user.id, amounts })
      return hold({ user, amounts, idempotency: keyed?.idempotency, session })
    }

    /** The sentence of the product: identity, amount, reserve, handler (the host's), outcome, settle. */
    async function admit(request: GuardRequest<Context>): Promise<Admission> {
      const { method, context } = request
      if (method === 'HEAD' || method === 'OPTIONS') return admitFree()
      const twice = creditTypes.find((type) => guarded.get(type)?.has(context) === true)
      if (twice !== undefined) {
        report(new Error(`creditgate: this route requires ${twice} credits twice; require them once, with the sum`))
        return deny(createProblem('server-error'))
      }
      for (const type of creditTypes) guarded.get(type)?.add(context)

      // A handler in shadow mode works for whoever comes, and may go by the amount.
      const refuse = async (problem: Problem, user?: string) => deny(problem, { user, amounts: isShadow ? await compute(context) : undefined })
      const identified = await identify(identity, request, route)
      if (identified.outcome === 'refused') {
        if (identified.cause !== undefined) report(identified.cause)
        return refuse(identified.problem)
      }
      const { user } = identified
      if (!settings.verifySession) return charge(user, context, { request })
      const { session_id: session } = user.claims
      return typeof session === 'string' ? charge(user, context, { request, session }) : refuse(createProblem('invalid-token'), user.id)
    }

    return { route, admit, charge }
  }

  function requireCredits<Context>(...price: Price<CreditType, Context>): Gate<Context> {
    const { admit } = createRoute(price)
    return Object.freeze({ admit })
  }

  async function reserve(user: string, ...price: Price<CreditType, undefined>): Promise<Admission> {
    if (!UUID.test(user)) throw new TypeError('creditgate: guard.reserve() takes the id of a Supabase user, a UUID')
    const { route, charge } = createRoute(price)
    // Its bound is that of a route, over all of its calls; here each call would have one of its own.
    if (route.onOutage !== 'closed') throw new TypeError('creditgate: guard.reserve() takes no onOutage: that is for routes')
    return charge({ id: user.toLowerCase(), anonymous: false, clientId: undefined, claims: {} }, undefined)
  }

  return Object.freeze({
    requireCredits,
    reserve,
    ...createOperations<CreditType>(ledger, calls),
    async ready() {
      await checkSchema(calls)
    },
    async close({ withinSeconds = 10 } = {}) {
      const left = await settler.drain(withinSeconds * 1000)
      debts.abandon()
      return left
    },
  })
}
