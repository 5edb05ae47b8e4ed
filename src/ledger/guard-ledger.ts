import type { GiveUpSignal } from '../give-up.ts'
import type { CommitAnswer, CommitRequest, ExtendAnswer, ExtendRequest, Ledger, RefundAnswer, RefundRequest, ReserveAnswer, ReserveRequest } from './ledger.ts'

/** A ledger as the guard calls it, once for each request: it needs no whole `AbortSignal` to be told that a caller gave up. */
export interface GuardLedger extends Omit<Ledger, 'reserve' | 'commit' | 'refund' | 'extend'> {
  reserve(requests: readonly ReserveRequest[], signal?: GiveUpSignal): Promise<readonly ReserveAnswer[]>
  commit(requests: readonly CommitRequest[], signal?: GiveUpSignal): Promise<readonly CommitAnswer[]>
  refund(requests: readonly RefundRequest[], signal?: GiveUpSignal): Promise<readonly RefundAnswer[]>
  extend(requests: readonly ExtendRequest[], signal?: GiveUpSignal): Promise<readonly ExtendAnswer[]>
}
