import type { Ledger } from 'creditgate'
import { SCHEMA_VERSION } from '../src/schema-version.ts'

const BALANCE = Object.freeze({ remaining: 1_000_000, resetsIn: null, resetsAt: null })

/** Answers at once, so that what is measured is the guard alone. */
export function createStubLedger(): Ledger {
  const refuse = () => Promise.reject(new Error('the stub ledger answers reserve, commit and version alone'))
  return {
    reserve: (requests) => Promise.resolve(requests.map(({ id, user, amounts }) => ({ id, outcome: 'reserved', subscription: user, amounts, balances: { ai: BALANCE } }))),
    commit: (requests) => Promise.resolve(requests.map(({ id }) => ({ id, outcome: 'committed', amounts: { ai: 1 } }))),
    version: () => Promise.resolve({ version: SCHEMA_VERSION, creditTypes: ['ai', 'lead', 'skipTrace'] }),
    refund: refuse,
    extend: refuse,
    reverse: refuse,
    reset: refuse,
    sweep: refuse,
    prune: refuse,
  }
}
