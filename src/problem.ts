import type { Balance, ReserveAnswer } from './ledger/ledger.ts'

/** Why a request was refused. Each is a problem type of its own on the wire, `urn:problem-type:creditgate:<name>`. */
export type ProblemName = keyof typeof PROBLEMS

/** An answer instead of the handler's: RFC 9457 problem details, ready to be sent. */
export interface Problem {
  readonly name: ProblemName
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Readonly<Record<string, unknown>> & { readonly type: string; readonly title: string; readonly status: number }
}

const RETRY = { 'Retry-After': '5' }

/** Every problem, with what never changes of it. docs/errors.md has a section for each, schemas/problem.json a schema. */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is malformed' },
  // RFC 6750, section 3.1: no error code when the request carried no credentials at all.
  unauthenticated: { status: 401, title: 'Sign in to use this', headers: { 'WWW-Authenticate': 'Bearer' } },
  'invalid-token': { status: 401, title: 'The access token is not valid', headers: { 'WWW-Authenticate': 'Bearer error="invalid_token"' } },
  'subscription-required': { status: 402, title: 'An active subscription is required' },
  'insufficient-credits': { status: 402, title: 'Not enough credits' },
  forbidden: { status: 403, title: 'This kind of account may not use this' },
  'request-in-progress': { status: 409, title: 'An earlier request with this key is still being answered', headers: RETRY },
  'already-charged': { status: 409, title: 'An earlier request with this key was answered and charged' },
  'idempotency-key-reused': { status: 422, title: 'This key was used for another request' },
  'too-many-open': { status: 429, title: 'Too many requests of this subscription are being answered', headers: RETRY },
  'server-error': { status: 500, title: 'The server cannot answer this request' },
  'credits-unavailable': { status: 503, title: 'Credits cannot be checked at the moment', headers: RETRY },
} as const

/** What an answer of the database is to the client. */
const REFUSALS: ReadonlyMap<ReserveAnswer['outcome'], ProblemName> = new Map([
  ['no_subscription', 'subscription-required'],
  ['in_progress', 'request-in-progress'],
  ['already_charged', 'already-charged'],
  ['key_reused', 'idempotency-key-reused'],
  ['too_many_open', 'too-many-open'],
  ['session_over', 'invalid-token'],
])

/** Builds a problem. `extension` adds members to the body; nothing of the request or of the inside belongs there. */
export function createProblem(name: ProblemName, extension: Readonly<Record<string, unknown>> = {}): Problem {
  const { status, title, headers }: Pick<Problem, 'status'> & { readonly title: string; readonly headers?: Problem['headers'] } = PROBLEMS[name]
  return {
    name,
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...headers },
    body: { type: `urn:problem-type:creditgate:${name}`, title, status, ...extension },
  }
}

/** What a reserve that was answered with anything but `reserved` is to the client; undefined: our own mistake. */
export function createRefusal(answer: ReserveAnswer, topUpUrl: string | undefined): Problem | undefined {
  if (answer.outcome === 'insufficient') return createInsufficientCredits(answer, topUpUrl)
  const name = REFUSALS.get(answer.outcome)
  return name && createProblem(name)
}

/** The 402 of a balance that does not cover the amount. */
export function createInsufficientCredits(
  { creditType, required, available, resetsAt }: { readonly creditType: string; readonly required: number; readonly available: number; readonly resetsAt: Balance['resetsAt'] },
  topUpUrl: string | undefined,
): Problem {
  return createProblem('insufficient-credits', { creditType, required, available, ...(resetsAt !== null && { resetsAt }), ...(topUpUrl !== undefined && { topUpUrl }) })
}
