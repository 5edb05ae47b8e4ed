import { LRUCache } from 'lru-cache'
import type { ReserveAnswer, ReserveRequest } from './ledger.ts'

const REMEMBERED_USERS = 10_000

export interface Lanes {
  /** Whose turn a call takes: its subscription's, once an answer has named it; until then its user's. */
  readonly find: (request: { readonly id: string; readonly user?: string }) => string
  readonly learn: (request: ReserveRequest, answer: ReserveAnswer) => void
}

export function createLanes(): Lanes {
  const subscriptions = new LRUCache<string, string>({ max: REMEMBERED_USERS })
  return {
    find: ({ id, user }) => (user === undefined ? id : (subscriptions.get(user) ?? user)),
    learn({ user }, answer) {
      // Finding its lane has just renewed what is remembered already.
      if (answer.outcome === 'reserved' && subscriptions.peek(user) !== answer.subscription) subscriptions.set(user, answer.subscription)
    },
  }
}
