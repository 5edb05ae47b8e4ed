import { randomUUID } from 'node:crypto'
import type { Amounts, CommitRequest, ExtendRequest, RefundRequest, ReserveRequest, ResetRequest, ReverseRequest, StoredAnswer } from 'creditgate'
import type { Account } from '../support/seed.ts'
import type { Caller, Change, Least, Portion, ResponseTag, RowSpec, Step, Target } from './steps.ts'

/** A row on its way into a table. */
export interface NewRow extends Omit<RowSpec, 'rank'> {
  readonly id: string
}

/** A step with its ids: what the model and the database are both told. */
export type Call =
  | { readonly operation: 'insert'; readonly rows: readonly NewRow[] }
  | { readonly operation: 'reserve'; readonly requests: readonly ReserveRequest[] }
  | { readonly operation: 'commit'; readonly requests: readonly CommitRequest[] }
  | { readonly operation: 'refund'; readonly requests: readonly RefundRequest[] }
  | { readonly operation: 'extend'; readonly requests: readonly ExtendRequest[] }
  | { readonly operation: 'reverse'; readonly requests: readonly ReverseRequest[] }
  | { readonly operation: 'reset'; readonly requests: readonly ResetRequest[] }
  | { readonly operation: 'sweep'; readonly most: number }
  | { readonly operation: 'prune'; readonly olderThanDays: number; readonly most: number; readonly steps: 'one' | 'all' }
  /** `others`: further subscriptions for which the same time passes. */
  | { readonly operation: 'advance'; readonly seconds: number; readonly others?: readonly string[] }
  | { readonly operation: 'write'; readonly row: NewRow; readonly change: Change }

/** What a caller of the ledger knows: its ids, and what it asked for under each. */
export interface Client {
  /** Whether the step means anything yet. */
  applies(step: Step): boolean
  resolve(step: Step): Call
  /** A target as `r0`, `r1`, ... in the order in which they were first asked for. */
  nameTarget(target: Target): string
  /** All ids that were ever used. */
  listIds(): readonly string[]
}

export function createClient(account: Account, stranger: string): Client {
  const ids = [randomUUID() as string]
  const asked = new Map<string, ReserveRequest>()
  let rows: readonly NewRow[] = []
  let inserted = 0

  const placeTarget = (target: Target) => (target === 'next' || asked.size === 0 ? asked.size : asked.size - 1 - (target % asked.size))
  const findId = (target: Target) => ids[placeTarget(target)] ?? ''
  const nameCaller = (by: Caller) => (by === 'nobody' ? {} : { user: by === 'owner' ? account.user : stranger })
  /** The share of each type is of what was asked for; where nothing was, a credit of `ai`. */
  const chooseAmounts = (id: string, portion: Portion): Amounts | number | undefined => {
    if (portion === 'all') return undefined
    if ('plain' in portion) return portion.plain
    const whole = asked.get(id)?.amounts ?? { ai: 1 }
    const { only, percent, lead = percent } = portion
    const chosen = only === undefined ? whole : { [only]: whole[only] ?? 1 }
    return Object.fromEntries(Object.entries(chosen).map(([type, amount]) => [type, takeShare(amount, type === 'lead' ? lead : percent)]))
  }

  function resolve(step: Step): Call {
    switch (step.kind) {
      case 'insert': {
        const added = step.rows.map(({ rank, ...row }): NewRow => {
          inserted += 1
          return { ...row, id: rank.toString(16) + inserted.toString(16).padStart(7, '0') + randomUUID().slice(8) }
        })
        rows = [...rows, ...added]
        return { operation: 'insert', rows: added }
      }
      case 'reserve': {
        const request: ReserveRequest = {
          id: findId(step.target),
          user: step.by === 'owner' ? account.user : stranger,
          amounts: step.amounts,
          lease: step.lease,
          ...(step.attempt === undefined ? {} : { idempotency: step.attempt }),
          ...(step.least === undefined ? {} : { least: chooseLeast(step.amounts, step.least) }),
          ...(step.dryRun ? { dryRun: true } : {}),
        }
        // The id of a dry run is free for what comes next.
        if (!asked.has(request.id) && step.by === 'owner' && !step.dryRun) {
          asked.set(request.id, request)
          ids.push(randomUUID())
        }
        return { operation: 'reserve', requests: [request] }
      }
      case 'repeat':
        return { operation: 'reserve', requests: [...asked.values()].filter(({ id }) => id === findId(step.target)) }
      case 'crash':
        return { operation: 'reserve', requests: [...asked.values()] }
      case 'commit': {
        const id = findId(step.target)
        const amounts = chooseAmounts(id, step.portion)
        return { operation: 'commit', requests: [{ id, ...nameCaller(step.by), ...(amounts === undefined ? {} : { amounts }), ...(step.more ? { more: true } : {}), ...(step.response === undefined ? {} : { response: RESPONSES[step.response] }) }] }
      }
      case 'refund':
        return { operation: 'refund', requests: [{ id: findId(step.target), ...nameCaller(step.by) }] }
      case 'extend': {
        const id = findId(step.target)
        const reported = step.reported === undefined ? undefined : (chooseAmounts(id, step.reported) ?? asked.get(id)?.amounts)
        return { operation: 'extend', requests: [{ id, ...nameCaller(step.by), lease: step.lease, ...(step.atLeast ? { atLeast: true } : {}), ...(reported === undefined ? {} : { reported }) }] }
      }
      case 'reverse': {
        const id = findId(step.target)
        const amounts = chooseAmounts(id, step.portion)
        return { operation: 'reverse', requests: [{ id, key: step.key, ...nameCaller(step.by), ...(amounts === undefined ? {} : { amounts }) }] }
      }
      case 'reset':
        return { operation: 'reset', requests: [{ subscription: account.subscription, creditType: step.creditType, key: step.key }] }
      case 'sweep':
        return { operation: 'sweep', most: step.most }
      case 'prune':
        return { operation: 'prune', olderThanDays: step.olderThanDays, most: step.most, steps: step.steps }
      case 'advance':
        return { operation: 'advance', seconds: step.seconds }
      case 'write': {
        const row = rows[step.place % rows.length]
        if (row === undefined) throw new Error('there is no row to write')
        if (step.change === 'delete') rows = rows.filter(({ id }) => id !== row.id)
        return { operation: 'write', row, change: step.change }
      }
    }
  }

  return {
    applies(step) {
      if (step.kind === 'write') return rows.length > 0
      if (step.kind === 'crash' || step.kind === 'repeat') return asked.size > 0
      return !('target' in step) || step.target === 'next' || asked.size > 0
    },
    resolve,
    nameTarget: (target) => `r${placeTarget(target)}`,
    listIds: () => ids,
  }
}

const RESPONSES: Readonly<Record<ResponseTag, StoredAnswer>> = {
  a: { status: 201, headers: { 'content-type': 'text/plain', etag: '"1"' }, body: 'YQ==' },
  b: { status: 204, headers: {}, body: '' },
}

function chooseLeast(amounts: Amounts, { types, percent }: Least): Amounts {
  return Object.fromEntries(types.map((type) => [type, takeShare(amounts[type] ?? 0, percent)]))
}

function takeShare(amount: number, percent: number): number {
  return percent > 100 ? amount + 1 + Math.floor((amount * (percent - 100)) / 100) : Math.floor((amount * percent) / 100)
}
