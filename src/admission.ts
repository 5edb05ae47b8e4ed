import type { Credits } from './credits.ts'
import type { Outcome } from './outcome.ts'
import type { Problem } from './problem.ts'
import type { Recorder, StoredResponse } from './recorder.ts'
import { encodeUtf8 } from './utf8.ts'

/** What makes two requests under one idempotency key the same request. */
export interface RequestDescription {
  /** The route as the host names it, `/leads/:id`: a key counts for each route and method by itself. */
  readonly route: string
  /** Path and query as they came. */
  readonly url: string
  /** The body, as far as the host can give it without taking it from the handler. */
  readonly body: Uint8Array | string | undefined
}

/** What each adapter may be told besides its guard. */
export interface AdapterOptions<Context> {
  /**
   * Reads claims that something in front of the guard has verified already, on the server; undefined: the token is verified
   * here. Our own rules hold for them all the same. Never read them from what the client sent.
   */
  readonly claims?: (context: Context) => unknown
}

/** A body that the host has parsed before the guard, for `RequestDescription`: the same text for the same body. */
export function describeBody(body: unknown): Uint8Array | string | undefined {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body)
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
  /** Claims of the caller that were verified in front of the guard. Used where the identity accepts claims. */
  readonly claims?: unknown
  /** The host's own request object: handed to the amount's function, and the same for all guards of one request. */
  readonly context: Context & object
}

/**
 * The guard's answer before the handler runs. Whoever is admitted must be settled: call `settle` once, when the response
 * has ended in whatever way. It resolves when the charge is definite, and never rejects.
 *
 * Otherwise `response` is to be sent as it stands, and the handler is not run.
 */
export type Admission =
  | {
      readonly outcome: 'admitted'
      readonly credits: Credits
      /** To be sent with the handler's response; appended, not set, so that several guards can add to them. */
      readonly headers: Readonly<Record<string, string>>
      /** Present where the response is to be kept for a repeated request: hand it what is sent. */
      readonly recorder?: Recorder | undefined
      settle(outcome: Outcome): Promise<void>
    }
  | { readonly outcome: 'denied'; readonly problem: Problem; readonly response: StoredResponse }
  /** An earlier request with this Idempotency-Key was charged, and its response was kept. */
  | { readonly outcome: 'replayed'; readonly reservation: string; readonly response: StoredResponse }

export type Admitted = Extract<Admission, { outcome: 'admitted' }>

/** `end` is called once, however often the admission is settled. */
export function createAdmission({ credits, headers = {}, recorder, end }: Pick<Admitted, 'credits' | 'recorder'> & Partial<Pick<Admitted, 'headers'>> & { readonly end: (outcome: Outcome) => void | Promise<void> }): Admitted {
  let settled: Promise<void> | undefined
  return { outcome: 'admitted', credits, headers, recorder, settle: (outcome) => (settled ??= Promise.resolve(end(outcome))) }
}

export function createDenial(problem: Problem): Extract<Admission, { outcome: 'denied' }> {
  return { outcome: 'denied', problem, response: { status: problem.status, headers: problem.headers, body: encodeUtf8(JSON.stringify(problem.body)) } }
}
