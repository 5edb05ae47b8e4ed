import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'
import { ACCOUNTS, AMPLE, LIMITED_ACCOUNT, LIMITED_CREDITS } from '../../accounts.ts'
import type { CreatePeer } from '../peer.ts'
import { settled } from '../contender.ts'

const MONTH_SECONDS = 30 * 24 * 60 * 60

/** One row for each key, counted up by an upsert; nothing to settle and no way back to the row it came from. */
export const createPeer: CreatePeer = async ({ pool }) => {
  const limiter = await new Promise<RateLimiterPostgres>((resolve, reject) => {
    const created = new RateLimiterPostgres({ storeClient: pool, tableName: 'rate_limits', keyPrefix: 'bench', points: AMPLE, duration: MONTH_SECONDS }, (error) => {
      if (error === undefined) resolve(created)
      else reject(error)
    })
  })
  const keys = Array.from({ length: ACCOUNTS + 1 }, (_, account) => `subscription-${account}`)
  await limiter.set(keys[LIMITED_ACCOUNT] as string, AMPLE - LIMITED_CREDITS, MONTH_SECONDS)
  return {
    async reserve(account) {
      try {
        await limiter.consume(keys[account] as string)
        return settled
      } catch (refusal) {
        if (refusal instanceof RateLimiterRes) return undefined
        throw refusal
      }
    },
    close: () => Promise.resolve(),
  }
}
