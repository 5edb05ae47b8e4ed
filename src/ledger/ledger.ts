import { z } from 'zod'

/** Whole numbers of credits by credit type: `{ ai: 2 }`. Each is 0 to 2147483647, what the credit tables can hold. */
export type Amounts = Readonly<Record<string, number>>

const id = z.string()
const amounts = z.record(z.string(), z.number().int().nonnegative())
const balance = z.object({
  remaining: z.number().int().nullable(),
  resetsIn: z.number().int().nullable(),
  resetsAt: z.string().nullable(),
})

const committed = z.object({ id, outcome: z.literal('committed'), amounts })
const refunded = z.object({ id, outcome: z.literal('refunded') })
const expired = z.object({ id, outcome: z.literal('expired') })
const notFound = z.object({ id, outcome: z.literal('not_found') })
const exceeds = z.object({ id, outcome: z.literal('exceeds'), amounts })
const invalid = z.object({ id: z.unknown(), outcome: z.literal('invalid'), reason: z.string() })
const failed = z.object({ id: z.unknown(), outcome: z.literal('failed'), code: z.string() })
const storedAnswer = z.object({ status: z.number().int(), headers: z.record(z.string(), z.string()), body: z.string() })
const elsewhere = { subscription: z.unknown() }
const conflict = z.object({ id, outcome: z.literal('conflict'), state: z.string(), amounts: amounts.optional() })

/** The full shape of each answer. An answer of any other shape counts as no answer: its outcome is unknown. */
export const answers = {
  reserve: z.discriminatedUnion('outcome', [
    z.object({ id, outcome: z.literal('reserved'), subscription: z.string(), amounts, balances: z.record(z.string(), balance) }),
    z.object({
      id,
      outcome: z.literal('insufficient'),
      creditType: z.string(),
      required: z.number().int(),
      available: z.number().int(),
      resetsAt: z.string().nullable(),
    }),
    z.object({ id, outcome: z.literal('no_subscription') }),
    conflict,
    committed,
    refunded,
    expired,
    z.object({ id, outcome: z.literal('in_progress'), endsIn: z.number().int() }),
    z.object({ id, outcome: z.literal('already_charged'), reservation: z.string(), response: storedAnswer.optional() }),
    z.object({ id, outcome: z.literal('key_reused') }),
    z.object({ id, outcome: z.literal('too_many_open'), most: z.number().int() }),
    z.object({ id, outcome: z.literal('session_over') }),
    invalid,
    failed,
  ]),
  commit: z.discriminatedUnion('outcome', [committed, refunded, expired, exceeds, conflict, notFound, invalid, failed]),
  refund: z.discriminatedUnion('outcome', [refunded, committed, expired, notFound, invalid, failed]),
  extend: z.discriminatedUnion('outcome', [
    z.object({ id, outcome: z.literal('extended'), reported: amounts.nullable() }),
    committed,
    refunded,
    expired,
    exceeds,
    notFound,
    invalid,
    failed,
  ]),
  reverse: z.discriminatedUnion('outcome', [
    z.object({ id, outcome: z.literal('reversed'), amounts, returned: amounts }),
    exceeds,
    conflict,
    refunded,
    expired,
    notFound,
    invalid,
    failed,
  ]),
  reset: z.discriminatedUnion('outcome', [
    z.object({ subscription: z.string(), outcome: z.literal('reset'), creditType: z.string(), rows: z.number().int() }),
    z.object({ subscription: z.string(), outcome: z.literal('not_found') }),
    invalid.omit({ id: true }).extend(elsewhere),
    failed.omit({ id: true }).extend(elsewhere),
  ]),
  sweep: z.discriminatedUnion('outcome', [
    z.object({ outcome: z.literal('swept'), expired: z.number().int(), cycles: z.number().int(), more: z.boolean() }),
    invalid,
  ]),
  prune: z.discriminatedUnion('outcome', [z.object({ outcome: z.literal('pruned'), pruned: z.number().int(), more: z.boolean() }), invalid]),
} as const

export const schemaVersion = z.object({ version: z.number().int(), creditTypes: z.array(z.string()) })

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
