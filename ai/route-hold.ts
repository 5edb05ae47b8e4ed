import type { Credits } from 'creditgate'
import type { Hold } from './hold.ts'

/** A guarded route's handle, as far as its models state what they used. */
export type CreditsLike = Pick<Credits, 'creditType' | 'amount' | 'commit' | 'report'>

/** What the model calls of one route come to. */
interface Account {
  /** The worth of all calls, those under way as far as they have delivered. */
  total: number
  /** A call has ended, and the sum has been stated as the actual amount. */
  stated: boolean
}

// Beside the handle, which is frozen, and not in the middleware: two models of one route are metered by two of them, with two
// prices, and the second one's commit must not overwrite the first one's. What it holds goes with the handle.
const accounts = new WeakMap<CreditsLike, Account>()

/** Makes the route metered: from here on a client that leaves pays for what was delivered, and no model call is no charge. */
export function openAccount(credits: CreditsLike): void {
  if (accounts.has(credits)) return
  accounts.set(credits, { total: 0, stated: false })
  credits.report(0)
}

/** Lets one model call spend from what a route has reserved. The route settles; the calls state their sum. */
export function holdOnRoute(credits: CreditsLike): Hold {
  openAccount(credits)
  const account = accounts.get(credits) as Account
  const { amount, creditType } = credits
  let share = 0
  const setShare = (worth: number) => {
    account.total += worth - share
    share = worth
    credits.report(account.total)
  }
  return {
    creditType,
    // Less what the others have: a price that cannot be told is no overage.
    get reserved() {
      return Math.max(amount - (account.total - share), 0)
    },
    report(worth) {
      setShare(worth)
      // For a client that leaves the actual amount goes before the report: it must not stay behind.
      if (account.stated) credits.commit(Math.min(account.total, amount))
    },
    end(end) {
      if (end.ended === 'finished') setShare(end.charged ?? 0)
      account.stated = true
      credits.commit(account.total)
      return Promise.resolve()
    },
  }
}
