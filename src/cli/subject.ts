import { RefusedError, UsageError } from './exit.ts'

/** @throws UsageError for anything but a UUID. */
export function readUuid(what: string, given: string | undefined): string {
  if (given === undefined || !/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(given)) throw new UsageError(`${what} is a UUID, not "${given ?? ''}"`)
  return given.toLowerCase()
}

/** What the database tells of the subscription that an id means. @throws RefusedError when it means none. */
export function expectSubscription(subject: string, { subscription }: { readonly subscription: string | null }): string {
  if (subscription === null) throw new RefusedError(`${subject} is neither a subscription nor a user with an active one`)
  return subscription
}
