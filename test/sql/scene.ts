import { randomUUID } from 'node:crypto'
import { expect } from 'vitest'
import { addCredits, createAccount, endLease, type Account, type Queryable } from '../support/seed.ts'

export type Operation = 'reserve' | 'commit' | 'refund' | 'extend' | 'reverse' | 'reset' | 'sweep' | 'prune'
export type Answer = { outcome: string } & Record<string, unknown>

export type State = 'no row' | 'open' | 'lease over' | 'lease over, 3 reported' | 'committed' | 'refunded' | 'expired' | 'tombstone'

export interface Scene {
  readonly account: Account
  readonly row: string
  readonly id: string
  readonly request: Record<string, unknown>
}

export interface Scenes {
  /** Calls an entry point with one request. */
  readonly call: (operation: Operation, request: Record<string, unknown>) => Promise<Answer>
  /** A reservation of 10 out of 100 in the given state. */
  readonly arrange: (state: State) => Promise<Scene>
}

/** Reservations in every state, made by the entry points alone. */
export function createScenes(open: () => Queryable): Scenes {
  async function call(operation: Operation, request: Record<string, unknown>): Promise<Answer> {
    const [row] = await open().query<{ answer: Answer[] }>(`select public.creditgate_${operation}($1::jsonb) as answer`, [JSON.stringify([request])])
    return row?.answer[0] as Answer
  }

  async function arrange(state: State): Promise<Scene> {
    const account = await createAccount(open())
    const row = await addCredits(open(), account, { allotted: 100 })
    const id = randomUUID()
    const request = { id, user: account.user, amounts: { ai: 10 }, lease: 60 }
    if (state === 'tombstone') expect(await call('refund', { id, user: account.user })).toMatchObject({ outcome: 'refunded' })
    if (state === 'no row' || state === 'tombstone') return { account, row, id, request }

    expect(await call('reserve', request)).toMatchObject({ outcome: 'reserved' })
    if (state === 'lease over, 3 reported') expect(await call('extend', { id, lease: 60, reported: { ai: 3 } })).toMatchObject({ outcome: 'extended' })
    if (state.startsWith('lease over')) await endLease(open(), id)
    if (state === 'committed') expect(await call('commit', { id, amounts: { ai: 4 } })).toMatchObject({ outcome: 'committed' })
    if (state === 'refunded') expect(await call('refund', { id })).toMatchObject({ outcome: 'refunded' })
    if (state === 'expired') {
      await endLease(open(), id)
      expect(await call('extend', { id, lease: 60 })).toMatchObject({ outcome: 'expired' })
    }
    return { account, row, id, request }
  }

  return { call, arrange }
}
