import type { Database } from './database.ts'
import { RefusedError, UsageError } from './exit.ts'

/** @throws UsageError for anything but a UUID. */
export function readUuid(what: string, given: string | undefined): string {
  if (given === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given)) throw new UsageError(`${what} is a UUID, not "${given ?? ''}"`)
  return given.toLowerCase()
}

/** The subscription that a UUID means: its own, or the one that this user spends from. @throws RefusedError for neither. */
export async function findSubscription(database: Database, given: string): Promise<string> {
  const id = readUuid('<user|subscription>', given)
  const [found] = await database.select<{ subscription: string | null }>(
    'select case when creditgate.is_subscription($1::uuid) then $1::uuid else creditgate.subscription_of($1::uuid) end as subscription',
    [id],
  )
  if (found?.subscription == null) throw new RefusedError(`${id} is neither a subscription nor a user with an active one`)
  return found.subscription
}
