import type { Credits, Guard, RouteOptions } from 'creditgate'
import type { TestCues } from './cues.ts'

/** How a handler's response goes, told without a host. */
export type Ending =
  /** An empty body is none. */
  | { readonly kind: 'text'; readonly status: number; readonly body: string }
  /** Sent as it is made. One whose iterator throws fails. */
  | { readonly kind: 'stream'; readonly status: number; readonly contentType: string; readonly chunks: AsyncIterable<string> }
  /** The handler throws this. */
  | { readonly kind: 'throw'; readonly value: unknown }

export interface Requirement {
  readonly type: 'ai' | 'lead'
  readonly amount: number
  readonly options?: RouteOptions
}

/** What a host serves for one scenario: a route for every method, guarded in this order. */
export interface Route {
  /** The scenario's: a host in another process finds the rest by it, with `readHostRoute`. */
  readonly name: string
  readonly requires: readonly Requirement[]
  /** Where the guards stand: on the router, before any route. Else before the handler of the route. */
  readonly guardsRouter: boolean
  /** What an error handler of the app answers to everything that is thrown: 200, or 500. */
  readonly errorStatus: 200 | 500
  /** To be called with the reservation of the innermost guard. */
  handle(credits: Credits): Promise<Ending>
}

/** Something that a host may be unable to show. */
export type Ability =
  /** A client that leaves before there is a response is seen. */
  | 'early-leave'
  /** A client that closes its connection in order is seen although nothing is being written to it. */
  | 'idle-leave'
  /** What is thrown and is no Error gets a response too. */
  | 'thrown-values'
  /** A stream that fails before its first chunk leaves a status below 400. */
  | 'silent-failure'
  /** A client that does not read stops who writes. */
  | 'back-pressure'
  /** Several requests on one connection. */
  | 'connections'
  /** Headers leave before there is a body. */
  | 'early-headers'

/** A host with its adapter. */
export interface Host {
  readonly name: string
  /** What it cannot show, and why. */
  readonly cannot?: Readonly<Partial<Record<Ability, string>>>
  serve(guard: Guard, route: Route): Promise<Served>
}

/** A route that is being served. */
export interface Served {
  /** How it is reached: the base of a URL on which it listens; or, where there is no socket, a function that answers. */
  readonly at: string | ((request: Request) => Response | Promise<Response>)
  /** Sent with each request. For a host in another process, which serves many scenarios. */
  readonly headers?: Readonly<Record<string, string>>
  /** For a host in another process, where the handler's cues are. */
  readonly cues?: TestCues
  close(): Promise<void>
}
