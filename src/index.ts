export { describeBody, type AdapterOptions, type Admission, type GuardRequest, type RequestDescription } from './admission.ts'
export type { Amount } from './amount.ts'
export type { Credits } from './credits.ts'
export type { ErrorCode } from './error-code.ts'
export { watchDeparture, type Departure, type ExecutionContextLike } from './departure.ts'
export type { EventListener, GuardEvent } from './events.ts'
export { createGuard, type Gate, type Guard } from './guard.ts'
export type { GuardOptions, Mode, RouteOptions, SettleBy } from './guard-options.ts'
export type { IdempotencyMode } from './idempotency.ts'
export type { Admits } from './identity/identify.ts'
export type { Identity, User, Verification } from './identity/identity.ts'
export { supabaseJwt, type SupabaseJwtOptions } from './identity/supabase-jwt.ts'
export { LedgerFault, type FaultCode } from './ledger/fault.ts'
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
  StoredAnswer,
  SweepAnswer,
  SweepRequest,
} from './ledger/ledger.ts'
export { postgresLedger, type PostgresJsLike, type QueryableLike } from './ledger/postgres-ledger.ts'
export { supabaseLedger, type SupabaseClientLike } from './ledger/supabase-ledger.ts'
export type { Operations } from './operations.ts'
export { readAuthorization, type NodeRequestLike } from './node-request.ts'
export { awaitClose, recordResponse, type NodeResponseLike, type RecordableResponseLike } from './node-response.ts'
export { observeBody, type BodyEnd } from './observe-body.ts'
export type { OutagePolicy } from './outage.ts'
export { decideSettlement, type AbortPolicy, type Outcome, type Settlement, type Statement } from './outcome.ts'
export type { Price } from './price.ts'
export type { Problem, ProblemName } from './problem.ts'
export { createResponse, type Recorder, type StoredResponse } from './recorder.ts'
export type { ReplayOptions } from './replay.ts'
