import type { BodyEnd } from './observe-body.ts'

/** The part of Node's `ServerResponse` that tells how a response went. */
export interface NodeResponseLike {
  readonly statusCode: number
  readonly headersSent: boolean
  readonly writableFinished: boolean
  /** Undefined once `destroy()` was called without an error, whatever its type says. */
  readonly errored: Error | null | undefined
  readonly closed: boolean
  once(event: 'close', listener: () => void): unknown
}

/**
 * Resolves when a Node response is over, in whatever way. `close` is the only event that comes for every response:
 * `finish` never comes after an abort, and a request's own `close` comes while its response still runs.
 */
export function awaitClose(response: NodeResponseLike): Promise<BodyEnd> {
  return new Promise((resolve) => {
    response.once('close', () => {
      resolve({ ended: describeEnd(response), started: response.headersSent })
    })
  })
}

/** What Node reports when the other side of a connection is gone. */
const CONNECTION_LOST: ReadonlySet<unknown> = new Set(['ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ERR_STREAM_PREMATURE_CLOSE'])

function describeEnd({ errored, writableFinished }: NodeResponseLike): BodyEnd['ended'] {
  // The server cut it: when a client leaves, it stays null.
  if (errored === undefined) return 'failed'
  // Before `writableFinished`: a host may end a broken response with a word of its own.
  if (errored !== null) return CONNECTION_LOST.has((errored as { code?: unknown }).code) ? 'aborted' : 'failed'
  return writableFinished ? 'finished' : 'aborted'
}
