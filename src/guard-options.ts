import { z } from 'zod'
import { logFaults, type EventListener } from './events.ts'
import type { Admits } from './identity/identify.ts'
import type { IdempotencyMode } from './idempotency.ts'
import type { Identity } from './identity/identity.ts'
import type { GroupCommitOptions } from './ledger/group-commit.ts'
import type { Ledger } from './ledger/ledger.ts'
import { parseOptions } from './options.ts'
import { decideSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'

/** Decides what becomes of a reservation. Pure: it may be called for any outcome, and must not wait. */
export type SettleBy = (outcome: Outcome, statement: Statement) => Settlement

export interface GuardOptions<CreditType extends string> {
  /** Who is calling: `supabaseJwt({ url })`. */
  readonly identity: Identity
  /** Where credits are held: `supabaseLedger(client)` or `postgresLedger(pool)`. */
  readonly ledger: Ledger
  /** The credit types that routes may require. Default `['ai', 'lead', 'skipTrace']`. */
  readonly creditTypes?: readonly CreditType[]
  /** How long credits stay held without a sign of life, in whole seconds, 3 to 900. Renewed at a third of it. Default 60. */
  readonly leaseSeconds?: number
  /** How long a handler may hold credits in all, in whole seconds, `leaseSeconds` to 86400. Default 900. */
  readonly maxHoldSeconds?: number
  /** How long a caller waits for the database before the answer is 503, above 0 to 60 seconds. Default 5. */
  readonly reserveTimeoutSeconds?: number
  /** The largest amount a single call may reserve, 1 to 2147483647. Default 1000000. */
  readonly maxAmount?: number
  /** Where a user can buy more: an absolute URL, sent as `topUpUrl` with a 402 for want of credits. */
  readonly topUpUrl?: string
  /** Told of what happens. Cannot break a request. Default: faults and lost settlements go to `console.error`. */
  readonly onEvent?: EventListener
  /** Replaces the table in `decideSettlement`. */
  readonly settleBy?: SettleBy
  /**
   * Calls that arrive while others are in flight travel together, as one array. Default true, but false on Cloudflare
   * Workers, where a request may not wait for what another one started. Then each call travels alone.
   */
  readonly groupCommit?: boolean | GroupCommitOptions
}

export interface RouteOptions extends Admits {
  /** The charge follows what the handler reports as delivered, also before its first report. Default false. */
  readonly metered?: boolean
  /** Replaces the guard's `settleBy` for this route. */
  readonly settleBy?: SettleBy
  /**
   * The `Idempotency-Key` header: at most one of a key's requests is charged. `required`: a request without one is 400;
   * `off`: the header means nothing here. Default `optional`.
   */
  readonly idempotency?: IdempotencyMode
}

const callable = <Signature>() => z.custom<Signature>((value) => typeof value === 'function', 'must be a function')
const port = <Port>(factory: string, ...methods: string[]) =>
  z.custom<Port>(
    (value) => typeof value === 'object' && value !== null && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
    `must be made by ${factory}`,
  )

const groupCommitOptions = z.strictObject({
  maxBatch: z.number().int().min(1).max(1000).default(256),
  maxInFlight: z.number().int().min(1).max(16).default(2),
  maxWaiting: z.number().int().min(1).max(1_000_000).default(10_000),
})

/** Not a union, whose error would not name the setting that is wrong. */
function readGroupCommit(given: unknown, context: z.RefinementCtx): z.output<typeof groupCommitOptions> | false {
  if (given === false) return false
  const parsed = groupCommitOptions.safeParse(given === true ? {} : given)
  if (parsed.success) return parsed.data
  for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path })
  return z.NEVER
}

/** The runtime's own name for itself, which Workers give as "Cloudflare-Workers". */
function sharesConnections(): boolean {
  return (globalThis.navigator as { readonly userAgent?: string } | undefined)?.userAgent !== 'Cloudflare-Workers'
}

const guardOptions = z
  .strictObject({
    identity: port<Identity>('supabaseJwt()', 'verify'),
    ledger: port<Ledger>('supabaseLedger() or postgresLedger()', 'reserve', 'commit', 'refund', 'extend', 'reverse', 'reset', 'sweep', 'prune', 'version'),
    creditTypes: z.array(z.string().min(1)).min(1).default(['ai', 'lead', 'skipTrace']),
    leaseSeconds: z.number().int().min(3).max(900).default(60),
    maxHoldSeconds: z.number().int().max(86_400).default(900),
    reserveTimeoutSeconds: z.number().positive().max(60).default(5),
    maxAmount: z.number().int().min(1).max(2_147_483_647).default(1_000_000),
    topUpUrl: z.url().optional(),
    onEvent: callable<EventListener>().default(() => logFaults),
    settleBy: callable<SettleBy>().default(() => decideSettlement),
    groupCommit: z.unknown().default(sharesConnections).transform(readGroupCommit),
  })
  .refine((options) => options.maxHoldSeconds >= options.leaseSeconds, { path: ['maxHoldSeconds'], error: 'must not be shorter than leaseSeconds' })

const routeOptions = z.strictObject({
  metered: z.boolean().default(false),
  settleBy: callable<SettleBy>().optional(),
  idempotency: z.enum(['optional', 'required', 'off']).default('optional'),
  allowAnonymous: z.boolean().default(false),
  allowOAuthClients: z.union([z.boolean(), z.array(z.string().min(1))]).default(false),
})

/** @throws TypeError naming each option that is unknown or wrong. */
export function parseGuardOptions(options: unknown): Readonly<z.output<typeof guardOptions>> {
  return parseOptions('createGuard', guardOptions, options)
}

/** @throws TypeError naming each option that is unknown or wrong. */
export function parseRouteOptions(options: unknown): Readonly<z.output<typeof routeOptions>> {
  return parseOptions('requireCredits', routeOptions, options)
}
