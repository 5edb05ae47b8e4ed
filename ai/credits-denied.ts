import type { Problem } from 'creditgate'

/**
 * The credits for a model call were not to be had: the model was not called. `problem` is the answer for the client: 402 when
 * there are too few.
 *
 * @example
 * const denied = CreditsDenied.find(error)
 * if (denied === undefined) throw error
 * const { status, headers, body } = denied.problem
 * return new Response(JSON.stringify(body), { status, headers })
 */
export class CreditsDenied extends Error {
  override readonly name = 'CreditsDenied'
  readonly problem: Problem

  constructor(problem: Problem) {
    super(`creditgate: the model was not called: ${problem.body.title}`)
    this.problem = problem
  }

  /** Finds it in what the AI SDK threw: it wraps an error that comes after a retry. */
  static find(error: unknown): CreditsDenied | undefined {
    let found = error
    for (let depth = 0; depth < 8 && found instanceof Error; depth += 1) {
      if (found instanceof CreditsDenied) return found
      found = (found as { readonly lastError?: unknown }).lastError ?? found.cause
    }
    return undefined
  }
}
