import type { Environment } from './environment.ts'
import type { Flags, FlagSet } from './flags.ts'
import type { Terminal } from './terminal.ts'

/** One command of the program, and all that its help says. */
export interface Command {
  readonly name: string
  /** The arguments, as the help shows them: one for each word. */
  readonly takes: readonly string[]
  readonly summary: string
  readonly about: string
  /** What it needs: nothing but files, a direct connection, or that or the Data API. */
  readonly needs: 'files' | 'database' | 'database or Data API'
  readonly flags: FlagSet
  readonly examples: readonly string[]
  run(context: Context): Promise<number>
}

export interface Context {
  readonly arguments: readonly string[]
  readonly flags: Flags
  readonly terminal: Terminal
  readonly environment: Environment
  readonly cwd: string
}

/** The flags that several commands have. */
export const JSON_FLAG: FlagSet = { json: { help: 'print one JSON document' } }
export const YES_FLAG: FlagSet = { yes: { help: 'do it without asking' } }
export const DATABASE_FLAG: FlagSet = { 'db-url-env': { value: '<NAME>', help: 'the environment variable with the connection string; default: DATABASE_URL, then SUPABASE_DB_URL' } }
/** Every command has it. */
export const HELP_FLAG: FlagSet = { help: { short: 'h', help: 'print this' } }
