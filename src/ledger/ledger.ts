import { z } from 'zod'

/** Whole numbers of credits by credit type: `{ ai: 2 }`. Each is 0 to 2147483647, what the credit tables can hold. */
export type Amounts = Readonly<Record<string, number>>

const id = z.string()
const whole = z.number().int()
const amounts = z.record(z.string(), whole.nonnegative())
const balance = z.object({ remaining: whole.nullable(), resetsIn: whole.nullable(), resetsAt: z.string().nullable() })
const storedAnswer = z.object({ status: whole, headers: z.record(z.string(), z.string()), body: z.string() })

/** An answer with this outcome, and these members besides. */
const answer = <const Outcome extends string, Members extends z.core.$ZodLooseShape>(outcome: Outcome, members: Members) => z.object({ outcome: z.literal(outcome), ...members })

const committed = answer('committed', { id, amounts })
const refunded = answer('refunded', { id })
const expired = answer('expired', { id })
const notFound = answer('not_found', { id })
const exceeds = answer('exceeds', { id, amounts })
const conflict = answer('conflict', { id, state: z.string(), amounts: amounts.optional() })
const invalid = answer('invalid', { id: z.unknown(), reason: z.string() })
const failed = answer('failed', { id: z.unknown(), code: z.string() })

/** The full shape of each answer. An answer of any other shape counts as no answer: its outcome is unknown. */
export const answers = {
  reserve: z.discriminatedUnion('outcome', [
    answer('reserved', { id, subscription: z.string(), amounts, balances: z.record(z.string(), balance) }),
    answer('insufficient', { id, creditType: z.string(), required: whole, available: whole, resetsAt: z.string().nullable() }),
    answer('no_subscription', { id }),
    conflict,
    committed,
    refunded,
    expired,
    answer('in_progress', { id, endsIn: whole }),
    answer('already_charged', { id, reservation: z.string(), response: storedAnswer.optional() }),
    answer('key_reused', { id }),
    answer('too_many_open', { id, most: whole }),
    answer('session_over', { id }),
    invalid,
    failed,
  ]),
  commit: z.discriminatedUnion('outcome', [committed, refunded, expired, exceeds, conflict, notFound, invalid, failed]),
  refund: z.discriminatedUnion('outcome', [refunded, committed, expired, notFound, invalid, failed]),
  extend: z.discriminatedUnion('outcome', [answer('extended', { id, reported: amounts.nullable() }), committed, refunded, expired, exceeds, notFound, invalid, failed]),
  reverse: z.discriminatedUnion('outcome', [answer('reversed', { id, amounts, returned: amounts }), exceeds, conflict, refunded, expired, notFound, invalid, failed]),
  reset: z.discriminatedUnion('outcome', [
    answer('reset', { subscription: z.string(), creditType: z.string(), rows: whole }),
    answer('not_found', { subscription: z.string() }),
    answer('invalid', { subscription: z.unknown(), reason: z.string() }),
    answer('failed', { subscription: z.unknown(), code: z.string() }),
  ]),
  sweep: z.discriminatedUnion('outcome', [answer('swept', { expired: whole, cycles: whole, more: z.boolean() }), invalid]),
  prune: z.discriminatedUnion('outcome', [answer('pruned', { pruned: whole, more: z.boolean() }), invalid]),
} as const

export const schemaVersion = z.object({ version: whole, creditTypes: z.array(z.string()) })

/** What is left of one credit type. `remaining` null: unlimited. `resetsIn` (seconds) and `resetsAt` (RFC 3339) null: never. */
export type Balance = z.infer<typeof balance>
/** A response that is kept with its reservation: `body` in base64. */
export type StoredAnswer = Readonly<z.infer<typeof storedAnswer>>
export type ReserveAnswer = z.infer<typeof answers.reserve>
export type CommitAnswer = z.infer<typeof answers.commit>
export type RefundAnswer = z.infer<typeof answers.refund>
export type ExtendAnswer = z.infer<typeof answers.extend>
export type ReverseAnswer = z.infer<typeof answers.reverse>
export type ResetAnswer = z.infer<typeof answers.reset>
export type SweepAnswer = z.infer<typeof answers.sweep>
export type PruneAnswer = z.infer<typeof answers.prune>
export type SchemaVersion = z.infer<typeof schemaVersion>

/**
 * Which attempt of a client this is: at most one reservation of a subscription is open or committed for a `key`, and all
 * of a key's requests have one `fingerprint`. Each 1 to 200 characters.
 */
export interface Idempotency {
  readonly key: string
  readonly fingerprint: string
}

/**
 * `lease`: whole seconds, 1 to 900. `id`: made by the caller, so that a lost reply is only a retry.
 *
 * - `least`: for the types it names, what is left is reserved where it is less than asked for, but no less than this.
 * - `session`: the id of the user's session, which must still exist; and the user must not be banned.
 * - `dryRun`: answers as it would, and holds nothing.
 */
export interface ReserveRequest {
  readonly id: string
  readonly user: string
  readonly amounts: Amounts
  readonly lease: number
  readonly idempotency?: Idempotency
  readonly least?: Amounts
  readonly session?: string
  readonly dryRun?: true
}

/**
 * `amounts` absent: everything that was reserved. A plain number where a single credit type was reserved.
 *
 * - `more`: what exceeds the reservation is drawn in addition where there is enough of it, else not charged: the answer says
 *   what was.
 * - `response`: kept with the commit, for requests with the same idempotency key of the same user, for 24 hours.
 */
export interface CommitRequest {
  readonly id: string
  readonly user?: string
  readonly amounts?: Amounts | number
  readonly more?: true
  readonly response?: StoredAnswer
}

export interface RefundRequest {
  readonly id: string
  readonly user?: string
}

/**
 * Renews the lease to `lease` seconds from now. `reported`: delivered so far; it only grows. `atLeast`: a longer lease that
 * stands is left as it is. Default false.
 */
export interface ExtendRequest {
  readonly id: string
  readonly user?: string
  readonly lease: number
  readonly reported?: Amounts | number
  readonly atLeast?: boolean
}

/**
 * Gives credits back after a commit. `key`: 1 to 200 characters of the caller's own making; the same key again gets the
 * same answer and gives nothing twice. `amounts` absent: all that is not reversed yet.
 */
export interface ReverseRequest {
  readonly id: string
  readonly key: string
  readonly user?: string
  readonly amounts?: Amounts | number
}

/** Begins a new cycle for a subscription's credits of one type, once for each `key` (1 to 200 characters): a billing period's id. */
export interface ResetRequest {
  readonly subscription: string
  readonly creditType: string
  readonly key: string
}

/** `most`: how many leases and cycles one step may end, 1 to 1000. Default 500. */
export interface SweepRequest {
  readonly most?: number
}

/** `olderThanDays`: 1 to 3650, default 90. `most`: how many reservations one step may delete, 1 to 1000, default 500. */
export interface PruneRequest {
  readonly olderThanDays?: number
  readonly most?: number
}

/**
 * The port to the database. Calls about reservations take an array and answer in its order; elements are independent.
 *
 * Business refusals are answers. A call rejects only with a `LedgerFault`, and then says whether anything may have been
 * written.
 */
export interface Ledger {
  reserve(requests: readonly ReserveRequest[], signal?: AbortSignal): Promise<readonly ReserveAnswer[]>
  commit(requests: readonly CommitRequest[], signal?: AbortSignal): Promise<readonly CommitAnswer[]>
  refund(requests: readonly RefundRequest[], signal?: AbortSignal): Promise<readonly RefundAnswer[]>
  extend(requests: readonly ExtendRequest[], signal?: AbortSignal): Promise<readonly ExtendAnswer[]>
  reverse(requests: readonly ReverseRequest[], signal?: AbortSignal): Promise<readonly ReverseAnswer[]>
  reset(requests: readonly ResetRequest[], signal?: AbortSignal): Promise<readonly ResetAnswer[]>
  /** One bounded step. `more`: another one finds work. */
  sweep(request: SweepRequest, signal?: AbortSignal): Promise<SweepAnswer>
  /** One bounded step. `more`: another one finds work. */
  prune(request: PruneRequest, signal?: AbortSignal): Promise<PruneAnswer>
  version(signal?: AbortSignal): Promise<SchemaVersion>
}
