import { askWithin, type Definite } from './attempts.ts'
import type { GuardLedger } from './ledger/guard-ledger.ts'
import type { Amounts, CommitAnswer, ExtendAnswer, PruneAnswer, PruneRequest, RefundAnswer, ResetAnswer, ResetRequest, ReverseAnswer, SweepAnswer, SweepRequest } from './ledger/ledger.ts'
import type { Timeouts } from './timeouts.ts'

/**
 * What can be done without a request at hand: by a background job, a webhook, an operator. Refusals are answers. Each
 * rejects with a `LedgerFault` when the database gave none after two retries; the same call again is always safe.
 */
export interface Operations<CreditType extends string = string> {
  /** Commits a reservation by its id, from any process. No amount: everything. */
  commit(id: string, amount?: number | Amounts): Promise<Definite<CommitAnswer>>
  /** Refunds a reservation by its id, from any process. */
  refund(id: string): Promise<Definite<RefundAnswer>>
  /**
   * Renews a reservation's lease to so many seconds from now, 1 to 900. For a job that took over a detached reservation:
   * any answer but `extended` means that there is nothing left to work for. `reported`: delivered so far; it only grows.
   */
  extend(id: string, options: { readonly leaseSeconds: number; readonly reported?: number | Amounts }): Promise<Definite<ExtendAnswer>>
  /**
   * Gives credits back after a commit, once for each `key` of yours (1 to 200 characters). No amount: all that is left.
   * They go to the rows they came from, unless such a row has begun a new cycle; `returned` says how many did.
   */
  reverse(id: string, options: { readonly key: string; readonly amount?: number | Amounts }): Promise<Definite<ReverseAnswer>>
  /**
   * Begins a new cycle for a subscription's credits of one type, once for each `key`: a billing webhook may be delivered
   * twice. Rows that never reset (top-ups) are left alone.
   */
  reset(request: ResetRequest & { readonly creditType: CreditType }): Promise<Definite<ResetAnswer>>
  /** One bounded step that ends leases and cycles that are over. Nothing depends on it. `more`: call again. */
  sweep(request?: SweepRequest): Promise<Definite<SweepAnswer>>
  /** One bounded step that deletes reservations which ended long ago, 90 days by default. `more`: call again. */
  prune(request?: PruneRequest): Promise<Definite<PruneAnswer>>
}

export function createOperations<CreditType extends string>(ledger: GuardLedger, calls: Timeouts): Operations<CreditType> {
  return {
    commit: (id, amount) => askWithin(calls, (signal) => ledger.commit([{ id, ...(amount !== undefined && { amounts: amount }) }], signal)),
    refund: (id) => askWithin(calls, (signal) => ledger.refund([{ id }], signal)),
    extend: (id, { leaseSeconds, reported }) => askWithin(calls, (signal) => ledger.extend([{ id, lease: leaseSeconds, ...(reported !== undefined && { reported }) }], signal)),
    reverse: (id, { key, amount }) => askWithin(calls, (signal) => ledger.reverse([{ id, key, ...(amount !== undefined && { amounts: amount }) }], signal)),
    reset: ({ subscription, creditType, key }) => askWithin(calls, (signal) => ledger.reset([{ subscription, creditType, key }], signal)),
    sweep: (request = {}) => askWithin(calls, async (signal) => [await ledger.sweep(request, signal)]),
    prune: (request = {}) => askWithin(calls, async (signal) => [await ledger.prune(request, signal)]),
  }
}
