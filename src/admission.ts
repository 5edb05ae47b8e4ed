import type { Credits } from './credits.ts'
import type { Outcome } from './outcome.ts'
import type { Problem } from './problem.ts'

/** What makes two requests under one idempotency key the same request. */
export interface RequestDescription {
  /** The route as the host names it, `/leads/:id`: a key counts for each route and method by itself. */
  readonly route: string
  /** Path and query as they came. */
  readonly url: string
  /** The body, as far as the host can give it without taking it from the handler. */
  readonly body: Uint8Array | string | undefined
}

/** What a host's adapter knows of a request. */
export interface GuardRequest<Context> {
  /** The HTTP method. `HEAD` and `OPTIONS` pass free. */
  readonly method: string
  /** The `Authorization` header as it came; several are joined with a comma, as HTTP does. */
  readonly authorization: string | undefined
  /** The `Idempotency-Key` header as it came. */
  readonly idempotencyKey?: string | undefined
  /** Tells which request an idempotency key was given with. Called only when there is one. */
  readonly describe?: (() => RequestDescription | Promise<RequestDescription>) | undefined
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
