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
} as const

export const schemaVersion = z.object({ version: z.number().int(), creditTypes: z.array(z.string()) })

/** What is left of one credit type. `remaining` null: unlimited. `resetsIn` (seconds) and `resetsAt` (RFC 3339) null: never. */
export type Balance = z.infer<typeof balance>
export type ReserveAnswer = z.infer<typeof answers.reserve>
export type CommitAnswer = z.infer<typeof answers.commit>
export type RefundAnswer = z.infer<typeof answers.refund>
export type ExtendAnswer = z.infer<typeof answers.extend>
export type SchemaVersion = z.infer<typeof schemaVersion>

/** `lease`: whole seconds, 1 to 900. `id`: made by the caller, so that a lost reply is only a retry. */
export interface ReserveRequest {
  readonly id: string
  readonly user: string
  readonly amounts: Amounts
  readonly lease: number
}

/** `amounts` absent: everything that was reserved. A plain number where a single credit type was reserved. */
export interface CommitRequest {
  readonly id: string
  readonly user?: string
  readonly amounts?: Amounts | number
}

export interface RefundRequest {
  readonly id: string
  readonly user?: string
}

/** Renews the lease to `lease` seconds from now. `reported`: delivered so far; it only grows. */
export interface ExtendRequest {
  readonly id: string
  readonly user?: string
  readonly lease: number
  readonly reported?: Amounts | number
}

/**
 * The port to the database. Each call takes an array and answers in its order; elements are independent.
 *
 * Business refusals are answers. A call rejects only with a `LedgerFault`, and then says whether anything may have been
 * written.
 */
export interface Ledger {
  reserve(requests: readonly ReserveRequest[], signal?: AbortSignal): Promise<readonly ReserveAnswer[]>
  commit(requests: readonly CommitRequest[], signal?: AbortSignal): Promise<readonly CommitAnswer[]>
  refund(requests: readonly RefundRequest[], signal?: AbortSignal): Promise<readonly RefundAnswer[]>
  extend(requests: readonly ExtendRequest[], signal?: AbortSignal): Promise<readonly ExtendAnswer[]>
  version(signal?: AbortSignal): Promise<SchemaVersion>
}
