import { parseArgs } from 'node:util'
import { UsageError } from './exit.ts'
import { findNearest } from './nearest.ts'

/** One flag of a command. `value`: what stands for its value in the help; without one it is a switch. */
export interface Flag {
  readonly value?: string
  readonly multiple?: true
  readonly short?: string
  readonly help: string
}

export type FlagSet = Readonly<Record<string, Flag>>

/** What was given on the command line, read by name. */
export interface Flags {
  given(name: string): boolean
  text(name: string): string | undefined
  list(name: string): readonly string[] | undefined
  /** A whole number within bounds. @throws UsageError for anything else. */
  whole(name: string, bounds: { readonly min: number; readonly max: number }): number | undefined
}

/** @throws UsageError naming the flag that is unknown or wrong, and the one that may have been meant. */
export function readFlags(args: readonly string[], known: FlagSet): { readonly flags: Flags; readonly positionals: readonly string[] } {
  const names = Object.keys(known)
  const options = Object.fromEntries(
    Object.entries(known).map(([name, flag]) => [
      name,
      { type: flag.value === undefined ? ('boolean' as const) : ('string' as const), ...(flag.multiple && { multiple: true }), ...(flag.short !== undefined && { short: flag.short }) },
    ]),
  )
  for (const token of parseArgs({ args: [...args], options, allowPositionals: true, strict: false, tokens: true }).tokens) {
    if (token.kind !== 'option' || names.includes(token.name)) continue
    const nearest = findNearest(token.name, names)
    throw new UsageError(`there is no flag ${token.rawName}${nearest === undefined ? '' : `; did you mean --${nearest}?`}`)
  }
  const { values, positionals } = parseStrictly(args, options)
  const read = (name: string) => {
    if (!names.includes(name)) throw new Error(`the command has no flag --${name}`)
    return values[name]
  }
  const text = (name: string) => read(name) as string | undefined
  return {
    positionals,
    flags: {
      text,
      given: (name) => read(name) !== undefined,
      list: (name) => read(name) as string[] | undefined,
      whole(name, bounds) {
        const given = text(name)
        return given === undefined ? undefined : readWhole(`--${name}`, given, bounds)
      },
    },
  }
}

type Options = NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>['options']>

/** Node's own messages for the rest: a value that is missing, or one too many. */
function parseStrictly(args: readonly string[], options: Options) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** @throws UsageError when it is no whole number within the bounds. */
export function readWhole(what: string, given: string, { min, max }: { readonly min: number; readonly max: number }): number {
  const number = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN
  if (!(number >= min && number <= max)) throw new UsageError(`${what} is a whole number of ${min} to ${max}, not "${given}"`)
  return number
}
