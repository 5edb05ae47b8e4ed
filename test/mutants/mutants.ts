import { codeMutants } from './code-mutants.ts'
import { sqlMutants } from './sql-mutants.ts'

/** Those tests of a file whose full name matches the pattern. */
export interface TestChoice {
  readonly file: string
  readonly pattern: string
}

/** One place in one file. `find` must be there exactly once. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** A version of the library that is broken in one respect, and the smallest tests that are to notice. */
export interface Mutant extends Edit {
  /** What it does wrong. */
  readonly name: string
  readonly caughtBy: readonly TestChoice[]
  /** Where one place has a second one behind it that hides the fault. */
  readonly also?: readonly Edit[]
  /** Tried in CI. */
  readonly cheap?: true
}

export const mutants: readonly Mutant[] = [...sqlMutants, ...codeMutants]
