/** Where a process is struck: around each call to the database, and in between. */
export const POINTS = [
  'before the reserve is sent',
  'before the reserve is answered',
  'after the reserve is answered',
  'in the handler',
  'in mid-stream after a durable report',
  'before the commit is sent',
  'before the commit is answered',
  'after the commit is answered',
  'before the refund is sent',
  'before the refund is answered',
  'after the refund is answered',
] as const
export type Point = (typeof POINTS)[number]

/** `kill`: SIGKILL. `stop`: SIGSTOP, and SIGCONT once the lease is over. `throw`: an exception. */
export const BLOWS = ['kill', 'stop', 'throw'] as const
export type Blow = (typeof BLOWS)[number]

/** What a process is started with, as JSON. */
export interface Scene {
  readonly databaseUrl: string
  readonly authUrl: string
  readonly token: string
  readonly point: Point
  readonly blow: Blow
}

export const LEASE_SECONDS = 3
export const RESERVED = 10
export const REPORTED = 4
/** What is reported when a stopped process goes on: too late to count. */
export const REPORTED_LATE = 7

/** What a process that lived to its end has to tell. */
export interface Story {
  readonly admission: string
  readonly events: readonly { readonly type: string; readonly state?: string; readonly outcome?: string; readonly amounts?: Readonly<Record<string, number>> | undefined }[]
  readonly unsettled: number
}
