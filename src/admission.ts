import type { Credits } from './credits.ts'
import type { Outcome } from './outcome.ts'
import type { Problem } from './problem.ts'

/** What a host's adapter knows of a request. */
export interface GuardRequest<Context> {
  /** The HTTP method. `HEAD` and `OPTIONS` pass free. */
  readonly method: string
  /** The `Authorization` header as it came; several are joined with a comma, as HTTP does. */
  readonly authorization: string | undefined
  /** The host's own request object: handed to the amount's function, and the same for all guards of one request. */
  readonly context: Context & object
}

/**
 * The guard's answer before the handler runs. Whoever is admitted must be settled: call `settle` once, when the response
 * has ended in whatever way. It resolves when the charge is definite, and never rejects.
 */
export type Admission =
  | {
      readonly outcome: 'admitted'
      readonly credits: Credits
      /** To be sent with the handler's response; appended, not set, so that several guards can add to them. */
      readonly headers: Readonly<Record<string, string>>
      settle(outcome: Outcome): Promise<void>
    }
  | { readonly outcome: 'denied'; readonly problem: Problem }
