export type { Admission, GuardRequest, RequestDescription } from './admission.ts'
export type { Amount } from './amount.ts'
export type { Credits } from './credits.ts'
export type { EventListener, GuardEvent } from './events.ts'
export { createGuard, type Gate, type Guard } from './guard.ts'
export type { GuardOptions, RouteOptions, SettleBy } from './guard-options.ts'
export type { IdempotencyMode } from './idempotency.ts'
export type { Admits } from './identity/identify.ts'
export type { Identity, User, Verification } from './identity/identity.ts'
export { supabaseJwt, type SupabaseJwtOptions } from './identity/supabase-jwt.ts'
export { LedgerFault } from './ledger/fault.ts'
export type { GroupCommitOptions } from './ledger/group-commit.ts'
export type {
  Amounts,
  Balance,
  CommitAnswer,
  CommitRequest,
  ExtendAnswer,
  ExtendRequest,
  Idempotency,
  Ledger,
  PruneAnswer,
  PruneRequest,
  RefundAnswer,
  RefundRequest,
  ReserveAnswer,
  ReserveRequest,
  ResetAnswer,
  ResetRequest,
  ReverseAnswer,
  ReverseRequest,
  SchemaVersion,
  SweepAnswer,
  SweepRequest,
} from './ledger/ledger.ts'
export { postgresLedger, type PostgresJsLike, type QueryableLike } from './ledger/postgres-ledger.ts'
export { supabaseLedger, type SupabaseClientLike } from './ledger/supabase-ledger.ts'
export type { Operations } from './operations.ts'
export { awaitClose, type NodeResponseLike } from './node-response.ts'
export { observeBody, type BodyEnd } from './observe-body.ts'
export { decideSettlement, type Outcome, type Settlement, type Statement } from './outcome.ts'
export type { Problem, ProblemName } from './problem.ts'
