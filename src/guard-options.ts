import { z } from 'zod'
import { logFaults, type EventListener } from './events.ts'
import type { Admits } from './identity/identify.ts'
import type { IdempotencyMode } from './idempotency.ts'
import type { Identity } from './identity/identity.ts'
import type { GroupCommitOptions } from './ledger/group-commit.ts'
import type { Amounts, Ledger } from './ledger/ledger.ts'
import { parseOptions, whole } from './options.ts'
import type { OutagePolicy } from './outage.ts'
import { createSettleBy, decideSettlement, type AbortPolicy, type Outcome, type Settlement, type Statement } from './outcome.ts'
import { createRecorderOptions, replayOptions, type ReplayOptions } from './replay.ts'

/** Decides what becomes of a reservation. Pure: it may be called for any outcome, and must not wait. */
export type SettleBy = (outcome: Outcome, statement: Statement) => Settlement

/** `shadow`: routes decide, tell (event, headers) and break nothing: no call is denied, none is charged. */
export type Mode = 'enforce' | 'shadow'

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
  /** Default `enforce`. `shadow` shows what a guard would do before it does it. */
  readonly mode?: Mode
  /**
   * Each reserve also looks, in its own round trip, whether the token's session still exists and its user is not banned. Default
   * false: a token is good until it expires, as everywhere in Supabase.
   */
  readonly verifySession?: boolean
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
  /** What a client pays who leaves before the end. Default `delivered`: the table in `decideSettlement`. Not beside `settleBy`. */
  readonly onAbort?: AbortPolicy
  /** When `commit(actual)` exceeds what is reserved: `clamp` charges what is reserved; `reserve-more` draws the rest in addition, where there is enough. Default `clamp`. */
  readonly surplus?: 'clamp' | 'reserve-more'
  /**
   * Where there is not enough for the whole amount, what is left is reserved, but no less than `min`: `credits.amount` says how
   * much it is. One number for every type, 1 or more, or one for each; types that are left out must be had in full.
   */
  readonly affordable?: { readonly min: number | Amounts }
  /** Replaces the guard's mode for this route. */
  readonly mode?: Mode
  /** While the database cannot be reached. Default `closed`: 503. */
  readonly onOutage?: OutagePolicy
  /**
   * The `Idempotency-Key` header: at most one of a key's requests is charged. `required`: a request without one is 400;
   * `off`: the header means nothing here. Default `optional`.
   */
  readonly idempotency?: IdempotencyMode
  /**
   * Keeps the response of a charged request with an `Idempotency-Key`, in Postgres, for 24 hours: the same user's next request
   * with the key gets it again. Default false: 409 `already-charged`.
   */
  readonly replay?: boolean | ReplayOptions
}

const callable = <Signature>() => z.custom<Signature>((value) => typeof value === 'function', 'must be a function')
const port = <Port>(factory: string, ...methods: string[]) =>
  z.custom<Port>(
    (value) => typeof value === 'object' && value !== null && methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function'),
    `must be made by ${factory}`,
  )

/** `true`: as the defaults have it; `false`: not at all. No union, whose error would not name the setting that is wrong. */
const switchable = <Options extends z.ZodType>(options: Options, isOn: () => boolean) =>
  z.unknown().default(isOn).transform((given) => (given === true ? {} : given === false ? undefined : given)).pipe(options.optional())

const groupCommit = z.strictObject({
  maxBatch: whole(1, 1000).default(128),
  maxInFlight: whole(1, 16).default(2),
  maxWaiting: whole(1, 1_000_000).default(10_000),
})

/** The runtime's own name for itself, which Workers give as "Cloudflare-Workers". */
function sharesConnections(): boolean {
  return (globalThis.navigator as { readonly userAgent?: string } | undefined)?.userAgent !== 'Cloudflare-Workers'
}

export const guardOptions = z
  .strictObject({
    identity: port<Identity>('supabaseJwt()', 'verify'),
    ledger: port<Ledger>('supabaseLedger() or postgresLedger()', 'reserve', 'commit', 'refund', 'extend', 'reverse', 'reset', 'sweep', 'prune', 'version'),
    creditTypes: z.array(z.string().min(1)).min(1).default(['ai', 'lead', 'skipTrace']),
    leaseSeconds: whole(3, 900).default(60),
    maxHoldSeconds: z.number().int().max(86_400).default(900),
    reserveTimeoutSeconds: z.number().positive().max(60).default(5),
    maxAmount: whole(1, 2_147_483_647).default(1_000_000),
    topUpUrl: z.url().optional(),
    onEvent: callable<EventListener>().default(() => logFaults),
    settleBy: callable<SettleBy>().default(() => decideSettlement),
    mode: z.enum(['enforce', 'shadow']).default('enforce'),
    verifySession: z.boolean().default(false),
    groupCommit: switchable(groupCommit, sharesConnections),
  })
  .refine((options) => options.maxHoldSeconds >= options.leaseSeconds, { path: ['maxHoldSeconds'], error: 'must not be shorter than leaseSeconds' })

const least = whole(1, 2_147_483_647)

export const routeOptions = z.strictObject({
  metered: z.boolean().default(false),
  settleBy: callable<SettleBy>().optional(),
  onAbort: z.enum(['delivered', 'charge', 'refund']).optional(),
  surplus: z.enum(['clamp', 'reserve-more']).default('clamp'),
  affordable: z.strictObject({ min: z.union([least, z.record(z.string(), least)]) }).optional(),
  mode: z.enum(['enforce', 'shadow']).optional(),
  onOutage: z.union([z.literal('closed'), z.strictObject({ openUpTo: least })]).default('closed'),
  idempotency: z.enum(['optional', 'required', 'off']).default('optional'),
  replay: switchable(replayOptions.transform(createRecorderOptions), () => false),
  allowAnonymous: z.boolean().default(false),
  allowOAuthClients: z.union([z.boolean(), z.array(z.string().min(1))]).default(false),
})

const checkedRouteOptions = routeOptions
  .refine(({ settleBy, onAbort }) => settleBy === undefined || onAbort === undefined, { path: ['onAbort'], error: 'must not stand beside settleBy, which decides by itself' })
  .refine(({ idempotency, replay }) => idempotency !== 'off' || replay === undefined, { path: ['replay'], error: 'needs the Idempotency-Key header, which is off' })
  .transform(({ onAbort, settleBy, ...rest }) => ({ ...rest, settleBy: settleBy ?? (onAbort && createSettleBy(onAbort)) }))

export type ParsedGuardOptions = Readonly<z.output<typeof guardOptions>>
export type ParsedRouteOptions = Readonly<z.output<typeof checkedRouteOptions>>

/** @throws TypeError naming each option that is unknown or wrong. */
export function parseGuardOptions(options: unknown): ParsedGuardOptions {
  return parseOptions('createGuard', guardOptions, options)
}

/** @throws TypeError naming each option that is unknown or wrong. */
export function parseRouteOptions(options: unknown): ParsedRouteOptions {
  return parseOptions('requireCredits', checkedRouteOptions, options)
}
