import { z } from 'zod'
import type { Amounts, CommitAnswer, CommitRequest, RefundAnswer, RefundRequest, ReserveAnswer, ReserveRequest } from './ledger.ts'

/**
 * Several plain requests travel by column, one list for each member, in place of an object for each request: that is less
 * to write and to read on both ends. What succeeds is answered by column too (docs/decisions/0019).
 */
export interface ColumnForm<Request, Answer> {
  /** @returns undefined: not all of them are plain, and objects they remain. */
  encode(requests: readonly Request[]): Columns | undefined
  /** @returns undefined: `raw` is not of this form. */
  decode(raw: unknown, requests: readonly Request[]): Decoded<Answer> | undefined
}

/** A list for each member, as long as there are requests. */
export type Columns = Readonly<Record<string, readonly unknown[]>>

/** Either has what the other lacks, by place. `others` is unread. */
export interface Decoded<Answer> {
  readonly succeeded: readonly (Answer | undefined)[]
  readonly others: Readonly<Record<number, unknown>>
}

const names = z.array(z.string().nullable())
const wholes = z.array(z.number().int().nullable())
const rest = z.record(z.string(), z.unknown())
const reserved = z.object({ outcome: z.literal('reserved'), ids: names, subscriptions: names, remaining: wholes, resetsIn: wholes, resetsAt: names, rest })
const committed = z.object({ outcome: z.literal('committed'), ids: names, rest })
const refunded = z.object({ outcome: z.literal('refunded'), ids: names, rest })

export const reserveColumns: ColumnForm<ReserveRequest, ReserveAnswer> = {
  encode(requests) {
    const columns = encodeAmounts(requests, ['id', 'user', 'amounts', 'lease', 'idempotency'])
    if (columns === undefined) return undefined
    const isKeyed = requests.some(({ idempotency }) => idempotency !== undefined)
    return {
      ...columns,
      leases: requests.map(({ lease }) => lease),
      ...(isKeyed && { keys: requests.map(({ idempotency }) => idempotency?.key ?? null), fingerprints: requests.map(({ idempotency }) => idempotency?.fingerprint ?? null) }),
    }
  },
  decode: (raw, requests) =>
    decodeColumns(reserved, raw, requests, (id, { amounts }, { subscriptions, ...columns }, place) => {
      const [[type], subscription] = [Object.keys(amounts), subscriptions[place]]
      if (type === undefined || typeof subscription !== 'string') return undefined
      const [remaining, resetsIn, resetsAt] = [columns.remaining[place] ?? null, columns.resetsIn[place] ?? null, columns.resetsAt[place] ?? null]
      return { id, outcome: 'reserved', subscription, amounts, balances: { [type]: { remaining, resetsIn, resetsAt } } }
    }),
}

export const commitColumns: ColumnForm<CommitRequest, CommitAnswer> = {
  encode: (requests) => encodeAmounts(requests, ['id', 'user', 'amounts']),
  // A commit that succeeds has charged what it asked for: where it may charge less, it is not plain.
  decode: (raw, requests) => decodeColumns(committed, raw, requests, (id, { amounts }) => ({ id, outcome: 'committed', amounts: amounts as Amounts })),
}

export const refundColumns: ColumnForm<RefundRequest, RefundAnswer> = {
  encode: (requests) => encodeNames(requests, ['id', 'user']),
  decode: (raw, requests) => decodeColumns(refunded, raw, requests, (id) => ({ id, outcome: 'refunded' })),
}

interface Named {
  readonly id: string
  readonly user?: string
}

/** What is plain has these members and no others. */
function encodeNames(requests: readonly Named[], members: readonly string[]): Columns | undefined {
  for (const request of requests) {
    if (typeof request.user !== 'string') return undefined
    for (const member in request) {
      if (!members.includes(member) && request[member as keyof Named] !== undefined) return undefined
    }
  }
  return { ids: requests.map(({ id }) => id), users: requests.map(({ user }) => user) }
}

/** What is plain names one type, too. */
function encodeAmounts(requests: readonly (Named & { readonly amounts?: Amounts | number })[], members: readonly string[]): Columns | undefined {
  const columns = encodeNames(requests, members)
  const creditTypes = requests.map(({ amounts }) => (typeof amounts === 'object' ? Object.keys(amounts) : []))
  if (columns === undefined || creditTypes.some(({ length }) => length !== 1)) return undefined
  return { ...columns, creditTypes: creditTypes.flat(), amounts: requests.map(({ amounts }) => Object.values(amounts as Amounts)[0]) }
}

function decodeColumns<Shape extends { readonly ids: readonly (string | null)[]; readonly rest: Readonly<Record<string, unknown>> }, Request, Answer>(
  shape: z.ZodType<Shape>,
  raw: unknown,
  requests: readonly Request[],
  createAnswer: (id: string, request: Request, columns: Shape, place: number) => Answer | undefined,
): Decoded<Answer> | undefined {
  const { data } = shape.safeParse(raw)
  if (data === undefined || Object.values(data).some((column) => Array.isArray(column) && column.length !== requests.length)) return undefined
  const succeeded = requests.map((request, place) => {
    const id = data.ids[place]
    return typeof id === 'string' ? createAnswer(id, request, data, place) : undefined
  })
  return { succeeded, others: data.rest }
}
