import type { Identity, Ledger, Outcome, Verification } from 'creditgate'
import type { Library } from '../library.ts'
import type { Account } from '../stage.ts'
import type { Contender } from './contender.ts'

const FINISHED: Outcome = Object.freeze({ status: 200, threw: false, ended: 'finished', started: true })

/** The guard as an adapter calls it, with its defaults. */
export function createCreditgate(library: Library, { ledger, accounts }: { readonly ledger: Ledger; readonly accounts: readonly Pick<Account, 'user'>[] }): Contender {
  const guard = library.createGuard({ identity: createCheapIdentity(accounts), ledger })
  const gate = guard.requireCredits<object>('ai', 1)
  const headers = accounts.map(({ user }) => `Bearer ${user}`)
  return {
    async reserve(account) {
      const admission = await gate.admit({ method: 'POST', authorization: headers[account], context: {} })
      return admission.outcome === 'admitted' ? () => admission.settle(FINISHED) : undefined
    },
    async close() {
      const left = await guard.close()
      if (left > 0) throw new Error(`${left} calls of creditgate were not settled`)
    },
  }
}

/** Knows each user by a token that is the user's id: what a real token costs is measured by itself. */
function createCheapIdentity(accounts: readonly Pick<Account, 'user'>[]): Identity {
  const known = new Map<string, Promise<Verification>>(
    accounts.map(({ user }) => [user, Promise.resolve({ outcome: 'verified', user: { id: user, anonymous: false, clientId: undefined, claims: {} } })]),
  )
  const rejected = Promise.resolve<Verification>({ outcome: 'rejected' })
  return { verify: (token) => known.get(token) ?? rejected }
}
