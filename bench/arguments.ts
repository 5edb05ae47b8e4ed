import { parseArgs } from 'node:util'
import { PARTS, type PartName } from './plan.ts'

export const HELP = `Measures creditgate beside what a user would pick instead, on a Postgres and a PostgREST of its own, and writes bench/RESULTS.md.

Usage
  npm run bench -- [options]

Options
  --quick        shorter rounds and a history of 500,000: under 2 minutes on two cores
  --json         prints all figures as one JSON object, in the last line of stdout
  --only <list>  of ${PARTS.join(',')}, with commas; writes no bench/RESULTS.md
  --help

Progress goes to stderr. What the peers need is installed in bench/ when it is not there.
Exit code: 0 measured, 1 not, 2 wrong usage.
`

export interface Arguments {
  readonly quick: boolean
  readonly json: boolean
  readonly help: boolean
  readonly parts: readonly PartName[]
}

/** The message says what is wrong with the command line. */
export class UsageError extends Error {}

/** @throws UsageError */
export function readArguments(given: readonly string[]): Arguments {
  const { only, quick, json, help } = parse(given)
  if (only === undefined) return { quick, json, help, parts: PARTS }
  const names = only.split(',').map((name) => name.trim())
  const unknown = names.filter((name) => !(PARTS as readonly string[]).includes(name))
  if (unknown.length > 0) throw new UsageError(`--only knows ${PARTS.join(', ')}; not ${unknown.map((name) => JSON.stringify(name)).join(', ')}`)
  return { quick, json, help, parts: PARTS.filter((part) => names.includes(part)) }
}

function parse(given: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const
  try {
    return parseArgs({ args: [...given], options: { quick: flag, json: flag, help: flag, only: { type: 'string' } } }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
