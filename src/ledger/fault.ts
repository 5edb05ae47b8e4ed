/**
 * A call to the database that brought no answer.
 *
 * - `not-executed`: the database is known to have written nothing; the same call may be made again.
 * - `set-up`: it cannot work before a person mends something; the message says what, and which command does it.
 * - `unknown`: it may or may not have been carried out. Only the same call with the same id is safe.
 */
export class LedgerFault extends Error {
  override readonly name = 'LedgerFault'

  constructor(
    readonly kind: FaultKind,
    /** One of ours, or what the Data API or Postgres answered: a driver may give any other, which is then `unknown`. */
    readonly code: FaultCode | (string & Record<never, never>),
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options)
  }
}

/** Postgres's code for a row that someone else has locked. */
export const LOCKED = '55P03'

export type FaultKind = 'not-executed' | 'set-up' | 'unknown'

/** Every code that is known. docs/errors.md has a section for each. */
export type FaultCode = keyof typeof OWN_CODES | (typeof NOT_EXECUTED)[number] | keyof typeof SET_UP

/** The codes that are ours: nobody else's answer has them. */
export const OWN_CODES = {
  'bad-answer': 'unknown',
  busy: 'not-executed',
  'credit-type': 'set-up',
  'empty-answer': 'unknown',
  'ledger-threw': 'unknown',
  'schema-version': 'set-up',
  timeout: 'unknown',
} as const satisfies Record<string, FaultKind>

export const NOT_EXECUTED = [
  'PGRST000', // the Data API cannot reach the database
  'PGRST001',
  'PGRST002', // its schema cache is not loaded yet
  'PGRST003', // no connection of its pool came free
  'PGRST303', // our own key refused for a moment: clock skew inside the platform, before any transaction
  '25006', // read-only: a standby, or a database that ran out of disk
  '40001',
  '40P01', // deadlock
  '53300', // too many connections
  '55P03', // lock timeout
  '57014', // statement timeout
  '57P03', // starting up
] as const

const MIGRATE = 'Run "npx creditgate init" and then "npx supabase db push".'

/** What is wrong, and what mends it, as sentences. */
export const SET_UP = {
  PGRST202: `the database lacks the creditgate functions, or the Data API has not loaded them yet. ${MIGRATE}`,
  PGRST106: 'the Data API does not expose the schema "public".',
  '42883': `the database lacks the creditgate functions. ${MIGRATE}`,
  '42P01': `the database lacks a table that creditgate was set up with. ${MIGRATE}`,
  '3F000': `the database lacks the schema "creditgate". ${MIGRATE}`,
  '42501': 'this key or role may not call the creditgate functions: use the secret (service_role) key on the server, never a user\'s token.',
  PGRST301: 'the Data API does not accept this key: use the secret (service_role) key of the same project.',
  '25001': 'the connection is not at isolation level read committed.',
  '28P01': 'the password of the database connection is wrong.',
} as const

/** Builds the fault that an error code of PostgREST or Postgres stands for. An unlisted or missing code is `unknown`. */
export function createFault(code: string, message: string, cause?: unknown): LedgerFault {
  const options = cause === undefined ? undefined : { cause }
  if ((NOT_EXECUTED as readonly string[]).includes(code)) return new LedgerFault('not-executed', code, message, options)
  if (!Object.hasOwn(SET_UP, code)) return new LedgerFault('unknown', code, message, options)
  return new LedgerFault('set-up', code, `creditgate: ${SET_UP[code as keyof typeof SET_UP]} (${code}: ${message})`, options)
}

/** The fault of a database that was migrated for another version of this package. */
export function createVersionFault(found: number, wanted: number): LedgerFault {
  const message =
    found < wanted
      ? `creditgate: the database has schema version ${found}, this package needs ${wanted}. ${MIGRATE}`
      : `creditgate: the database has schema version ${found}, newer than ${wanted}, which this package knows. Upgrade the creditgate package.`
  return new LedgerFault('set-up', 'schema-version', message)
}

/** A ledger that rejects with anything else has not said what happened: that is `unknown`. */
export function asFault(error: unknown): LedgerFault {
  return error instanceof LedgerFault ? error : new LedgerFault('unknown', 'ledger-threw', error instanceof Error ? error.message : String(error), { cause: error })
}
