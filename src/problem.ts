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

/** Every problem, with what never changes of it. docs/errors.md has a section for each, schemas/problem.json a schema. */
export const PROBLEMS = {
  'invalid-request': { status: 400, title: 'The request is malformed' },
  unauthenticated: { status: 401, title: 'Sign in to use this' },
  'invalid-token': { status: 401, title: 'The access token is not valid' },
  'subscription-required': { status: 402, title: 'An active subscription is required' },
  'insufficient-credits': { status: 402, title: 'Not enough credits' },
  forbidden: { status: 403, title: 'This kind of account may not use this' },
  'request-in-progress': { status: 409, title: 'An earlier request with this key is still being answered' },
  'already-charged': { status: 409, title: 'An earlier request with this key was answered and charged' },
  'idempotency-key-reused': { status: 422, title: 'This key was used for another request' },
  'too-many-open': { status: 429, title: 'Too many requests of this subscription are being answered' },
  'server-error': { status: 500, title: 'The server cannot answer this request' },
  'credits-unavailable': { status: 503, title: 'Credits cannot be checked at the moment' },
} as const

const CHALLENGES: Partial<Record<ProblemName, Record<string, string>>> = {
  // RFC 6750, section 3.1: no error code when the request carried no credentials at all.
  unauthenticated: { 'WWW-Authenticate': 'Bearer' },
  'invalid-token': { 'WWW-Authenticate': 'Bearer error="invalid_token"' },
  'request-in-progress': { 'Retry-After': '5' },
  'too-many-open': { 'Retry-After': '5' },
  'credits-unavailable': { 'Retry-After': '5' },
}

/** Builds a problem. `extension` adds members to the body; nothing of the request or of the inside belongs there. */
export function createProblem(name: ProblemName, extension: Readonly<Record<string, unknown>> = {}): Problem {
  const { status, title } = PROBLEMS[name]
  return {
    name,
    status,
    headers: { 'Content-Type': 'application/problem+json', 'Cache-Control': 'no-store', ...CHALLENGES[name] },
    body: { type: `urn:problem-type:creditgate:${name}`, title, status, ...extension },
  }
}

/** What a reserve that was answered with anything but `reserved` is to the client; undefined: our own mistake. */
export function createRefusal(answer: ReserveAnswer, topUpUrl: string | undefined): Problem | undefined {
  switch (answer.outcome) {
    case 'insufficient':
      return createInsufficientCredits(answer, topUpUrl)
    case 'no_subscription':
      return createProblem('subscription-required')
    case 'in_progress':
      return createProblem('request-in-progress')
    case 'already_charged':
      return createProblem('already-charged')
    case 'key_reused':
      return createProblem('idempotency-key-reused')
    case 'too_many_open':
      return createProblem('too-many-open')
    case 'session_over':
      return createProblem('invalid-token')
    default:
      return undefined
  }
}

/** The 402 of a balance that does not cover the amount. */
export function createInsufficientCredits(
  answer: { readonly creditType: string; readonly required: number; readonly available: number; readonly resetsAt: Balance['resetsAt'] },
  topUpUrl: string | undefined,
): Problem {
  const { creditType, required, available, resetsAt } = answer
  return createProblem('insufficient-credits', {
    creditType,
    required,
    available,
    ...(resetsAt === null ? {} : { resetsAt }),
    ...(topUpUrl === undefined ? {} : { topUpUrl }),
  })
}
