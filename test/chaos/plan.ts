/** What every worker is given: where things are, and whose credits to spend. */
export interface Plan {
  readonly seed: string
  readonly leaseSeconds: number
  readonly authUrl: string
  readonly journals: string
  /** Through the proxy. */
  readonly databaseUrl: string
  /** Through the proxy. */
  readonly dataApi: { readonly url: string; readonly key: string }
  readonly accounts: readonly PlannedAccount[]
}

export interface PlannedAccount {
  readonly user: string
  readonly subscription: string
  readonly token: string
  readonly kind: AccountKind
}

/**
 * - `shared`: where processes meet on the same idempotency keys and billing periods. Nothing but resets ends its cycles.
 * - `disturbed`: someone else writes `used` of its rows, too, down to 0 as well.
 * - `counted`: someone else adds to `used` of its rows, and counts what was added.
 */
export type AccountKind = 'usual' | 'shared' | 'disturbed' | 'counted'

/** How a worker reaches the database. */
export type Way = 'direct' | 'data-api'

/** What a worker tells. `handOver`: a reservation that somebody else is to settle. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'handOver'; readonly settlement: HandedOver }
  | { readonly kind: 'pending'; readonly calls: number }

/** What a worker is told. `stop`: begin nothing new, and say `pending` with 0 when all is answered. `count`: say `pending` now. */
export type WorkerOrder = { readonly kind: 'settle'; readonly settlement: HandedOver } | { readonly kind: 'stop' } | { readonly kind: 'count' }

/** `amount` undefined: a refund. */
export interface HandedOver {
  readonly reservation: string
  readonly amount?: number
}
