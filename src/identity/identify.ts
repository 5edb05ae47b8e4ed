import { createProblem, type Problem } from '../problem.ts'
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
    if (bearer.outcome === 'absent') return { outcome: 'refused', problem: createProblem('unauthenticated') }
    if (bearer.outcome === 'malformed') return { outcome: 'refused', problem: createProblem('invalid-request') }
    verification = await identity.verify(bearer.token)
  }
  if (verification.outcome === 'rejected') return { outcome: 'refused', problem: createProblem('invalid-token') }
  if (verification.outcome === 'unavailable') {
    // The keys could not be had: the caller is not at fault, so this is no 401.
    return { outcome: 'refused', problem: createProblem('credits-unavailable'), cause: verification.cause }
  }
  const { user } = verification
  if (user.anonymous && admits.allowAnonymous !== true) return { outcome: 'refused', problem: createProblem('forbidden') }
  if (user.clientId !== undefined && !admitsClient(admits.allowOAuthClients, user.clientId)) {
    return { outcome: 'refused', problem: createProblem('forbidden') }
  }
  return { outcome: 'identified', user }
}

function admitsClient(allowed: Admits['allowOAuthClients'], clientId: string): boolean {
  return typeof allowed === 'object' ? allowed.includes(clientId) : allowed === true
}
