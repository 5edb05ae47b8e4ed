import fc from 'fast-check'
import type { Amounts, Idempotency } from 'creditgate'
import type { CreditType } from '../support/seed.ts'

/** The credit types that the steps are about. */
export const TYPES = ['ai', 'lead'] as const satisfies readonly CreditType[]

/** Who asks: the reservation's own user, another one, or a caller that names none. */
export type Caller = 'owner' | 'stranger' | 'nobody'

export interface RowSpec {
  readonly type: CreditType
  readonly allotted: number | null
  readonly used: number
  readonly resetDays: number | null
  /** Begins the row's id, and so decides ties. */
  readonly rank: number
}

/** How much of what was reserved: `all` by naming nothing, a share by type, another of `lead` than of the rest, or of one alone; or a plain number. Above 100 is too much. */
export type Portion = 'all' | { readonly percent: number; readonly lead?: number; readonly only?: CreditType } | { readonly plain: number }

/** How much less will do: a share of what is asked for, of each of these types. */
export interface Least {
  readonly types: readonly CreditType[]
  readonly percent: number
}

/** Which of a few responses is kept with a commit. */
export type ResponseTag = 'a' | 'b'

export type Change = { readonly used: number | null } | { readonly usedBy: number } | { readonly allotted: number | null } | 'delete'

/** A reservation: so many asked for ago, 0 the latest; or the one that is asked for next. */
export type Target = number | 'next'

/** One thing that happens. Rows are named by their place among those that are there. */
export type Step =
  | { readonly kind: 'insert'; readonly rows: readonly RowSpec[] }
  | { readonly kind: 'reserve'; readonly target: Target; readonly amounts: Amounts; readonly lease: number; readonly by: 'owner' | 'stranger'; readonly attempt: Idempotency | undefined; readonly least: Least | undefined; readonly dryRun: boolean }
  | { readonly kind: 'repeat'; readonly target: Target }
  | { readonly kind: 'crash' }
  | { readonly kind: 'commit'; readonly target: Target; readonly portion: Portion; readonly by: Caller; readonly more: boolean; readonly response: ResponseTag | undefined }
  | { readonly kind: 'refund'; readonly target: Target; readonly by: Caller }
  | { readonly kind: 'extend'; readonly target: Target; readonly lease: number; readonly atLeast: boolean; readonly reported: Portion | undefined; readonly by: Caller }
  | { readonly kind: 'reverse'; readonly target: Target; readonly key: string; readonly portion: Portion; readonly by: Caller }
  | { readonly kind: 'reset'; readonly creditType: CreditType; readonly key: string }
  | { readonly kind: 'sweep'; readonly most: number }
  | { readonly kind: 'prune'; readonly olderThanDays: number; readonly most: number; readonly steps: 'one' | 'all' }
  | { readonly kind: 'advance'; readonly seconds: number }
  | { readonly kind: 'write'; readonly place: number; readonly change: Change }

/** Steps that a failure shows as sentences. */
export interface Story {
  readonly steps: readonly Step[]
}

export function createStory(steps: readonly Step[]): Story {
  return Object.assign({ steps }, { [fc.toStringMethod]: () => steps.map((step) => describeStep(step, String)).join(', ') })
}

/** As a failure shows it. */
export function describeStep(step: Step, nameTarget: (target: Target) => string): string {
  switch (step.kind) {
    case 'insert':
      return `insert ${step.rows.map((row) => `[${row.type} ${row.used}/${row.allotted ?? 'unlimited'} ${row.resetDays === null ? 'never resets' : `every ${row.resetDays} d`}, id ${row.rank.toString(16)}..]`).join(' ')}`
    case 'reserve':
      return `${step.dryRun ? 'try to reserve' : 'reserve'} ${nameTarget(step.target)} ${describeAmounts(step.amounts)}${step.least === undefined ? '' : ` or ${step.least.percent}% of ${step.least.types.join(' and ')}`} lease ${step.lease}${step.attempt === undefined ? '' : ` key ${step.attempt.key}/${step.attempt.fingerprint}`}${describeCaller(step.by)}`
    case 'repeat':
      return `repeat the reserve of ${nameTarget(step.target)}`
    case 'crash':
      return 'crash, and ask again for all'
    case 'commit':
      return `commit ${nameTarget(step.target)} ${describePortion(step.portion)}${step.more ? ' or more' : ''}${step.response === undefined ? '' : ` with response ${step.response}`}${describeCaller(step.by)}`
    case 'refund':
      return `refund ${nameTarget(step.target)}${describeCaller(step.by)}`
    case 'extend':
      return `extend ${nameTarget(step.target)} lease ${step.atLeast ? 'at least ' : ''}${step.lease}${step.reported === undefined ? '' : ` reported ${describePortion(step.reported)}`}${describeCaller(step.by)}`
    case 'advance':
      return `advance ${step.seconds} s`
    case 'reverse':
      return `reverse ${nameTarget(step.target)} ${describePortion(step.portion)} key ${step.key}${describeCaller(step.by)}`
    case 'reset':
      return `reset ${step.creditType} key ${step.key}`
    case 'sweep':
      return `sweep, ${step.most} at a time`
    case 'prune':
      return `prune what ended ${step.olderThanDays} d ago, ${step.most} at a time, ${step.steps}`
    case 'write':
      return `another writer: row ${step.place} ${step.change === 'delete' ? 'deleted' : describeAmounts(step.change)}`
  }
}

function describeAmounts(amounts: Readonly<Record<string, number | null>>): string {
  return Object.entries(amounts).map(([name, value]) => `${name}:${value ?? 'null'}`).join(' ')
}

function describePortion(portion: Portion): string {
  return portion === 'all' ? 'all' : 'percent' in portion ? `${portion.percent}%${portion.lead === undefined ? '' : `, of lead ${portion.lead}%`}${portion.only === undefined ? '' : ` of ${portion.only} alone`}` : String(portion.plain)
}

function describeCaller(by: Caller): string {
  return by === 'owner' ? '' : by === 'stranger' ? ' by a stranger' : ' by nobody named'
}
