import { createProblem, type Problem, type ProblemName } from '../problem.ts'
import { readBearerToken } from './bearer.ts'
import type { Identity, User, Verification } from './identity.ts'

/** Which callers a route admits beyond a user's own session. */
export interface Admits {
  /** Users who signed in anonymously. Default false. */
  readonly allowAnonymous?: boolean
  /**
   * Third-party apps that act for a user through Supabase's OAuth server: true for all, or the client ids that are
   * admitted. Default false: they would spend the user's credits.
   */
  readonly allowOAuthClients?: boolean | readonly string[]
}

export type Identification =
  | { readonly outcome: 'identified'; readonly user: User }
  | { readonly outcome: 'refused'; readonly problem: Problem; readonly cause?: unknown }

/** What of a request says who is calling. */
export interface Credentials {
  readonly authorization: string | undefined
  /** Verified by somebody else already, on the server. */
  readonly claims?: unknown
}

/** Says who is calling, or which problem stands in the way. */
export async function identify(identity: Identity, { authorization, claims }: Credentials, admits: Admits): Promise<Identification> {
  let verification: Verification
  if (claims !== undefined && identity.accept !== undefined) {
    verification = identity.accept(claims)
  } else {
    const bearer = readBearerToken(authorization)
    if (bearer.outcome !== 'token') return refuse(bearer.outcome === 'absent' ? 'unauthenticated' : 'invalid-request')
    verification = await identity.verify(bearer.token)
  }
  if (verification.outcome === 'rejected') return refuse('invalid-token')
  // The keys could not be had: the caller is not at fault, so this is no 401.
  if (verification.outcome === 'unavailable') return { ...refuse('credits-unavailable'), cause: verification.cause }
  const { user } = verification
  const isAdmitted = (!user.anonymous || admits.allowAnonymous === true) && (user.clientId === undefined || admitsClient(admits.allowOAuthClients, user.clientId))
  return isAdmitted ? { outcome: 'identified', user } : refuse('forbidden')
}

function refuse(name: ProblemName): Extract<Identification, { outcome: 'refused' }> {
  return { outcome: 'refused', problem: createProblem(name) }
}

function admitsClient(allowed: Admits['allowOAuthClients'], clientId: string): boolean {
  return typeof allowed === 'object' ? allowed.includes(clientId) : allowed === true
}
