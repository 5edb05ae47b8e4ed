/** At once, or in a while: a ledger in memory need not be waited for. */
export type Eventually<Value> = Value | Promise<Value>

/** A user with a subscription. */
export interface Account {
  readonly user: string
  readonly subscription: string
}

/** Credits that are added: one row. */
export interface NewCredits {
  /** A UUID: ties between rows are decided by it. Default: a random one. */
  readonly id?: string
  /** Default `ai`. */
  readonly type?: string
  /** null: unlimited. Default 100. */
  readonly allotted?: number | null
  /** Default 0. */
  readonly used?: number
  /** null or 0: never, a top-up. Default null. */
  readonly resetInDays?: number | null
}

export interface CreditRowReading {
  readonly used: number
  /** How many cycles the row has behind it. */
  readonly cycle: number
  /** How long the present one has been running. */
  readonly cycleSeconds: number
}

/**
 * What a scenario needs to look into a ledger from behind, and to change there what a ledger cannot: accounts, credits, and
 * instants, since time is tested by moving rows and not by sleeping.
 */
export interface Books {
  /** @param options.active whether the subscription may be spent from. Default true. */
  createAccount(options?: { readonly active?: boolean }): Eventually<Account>
  /** Adds one row of credits. Gives its id. */
  addCredits(account: Account, credits?: NewCredits): Eventually<string>
  readRow(row: string): Eventually<CreditRowReading>
  /** What another writer does to a row. */
  writeUsed(row: string, used: number): Eventually<void>
  /** Moves a reservation's lease into the past. */
  endLease(reservation: string): Eventually<void>
  /** Moves the start of a row's present cycle so many days into the past. */
  ageCycle(row: string, days: number): Eventually<void>
  /** The states of an account's reservations: `open`, `committed`, `refunded`, `expired`; in the order of the alphabet. */
  listStates(account: Account): Eventually<readonly string[]>
  /** What does not add up: `used` against what reservations keep. Empty, unless the ledger is wrong or another writer was at work. */
  listViolations(): Eventually<readonly unknown[]>
}
