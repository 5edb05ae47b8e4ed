import type { BodyEnd } from './observe-body.ts'
import type { Recorder } from './recorder.ts'

/** The part of Node's `ServerResponse` that tells how a response went. */
export interface NodeResponseLike {
  readonly statusCode: number
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
  let started = false
  // Not `headersSent`: an event stream sends its headers at once, and its first byte perhaps much later. Node tells of no byte.
  watchWrites(response, (chunk) => {
    if (typeof chunk !== 'function' && (chunk as string | Uint8Array | null | undefined)?.length) started = true
  })
  return new Promise((resolve) => {
    response.once('close', () => {
      resolve({ ended: describeEnd(response), started })
    })
  })
}

/** Hands on what `write` and `end` are called with, before they are. */
function watchWrites(response: object, onWrite: (chunk: unknown, encoding: unknown) => void): void {
  const writes = response as Record<'write' | 'end', (...given: unknown[]) => unknown>
  for (const name of ['write', 'end'] as const) {
    const write = writes[name]
    writes[name] = function (this: unknown, ...given) {
      onWrite(given[0], given[1])
      return write.apply(this, given)
    }
  }
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

/** The part of Node's `ServerResponse` that sends. */
export interface RecordableResponseLike {
  statusCode: number
  getHeaders(): Readonly<Record<string, unknown>>
  writeHead(status: number, ...rest: never[]): unknown
  write(chunk: never, ...rest: never[]): unknown
  end(...rest: never[]): unknown
}

/**
 * Hands what a handler sends to a recorder, as the handler sends it: before what stands outside (compression) has changed it.
 * Headers are read when the first byte is about to leave.
 */
export function recordResponse(response: RecordableResponseLike, recorder: Recorder): void {
  const heads = response as unknown as Record<'writeHead', (...given: unknown[]) => unknown>
  const { writeHead } = heads
  let hasBegun = false

  function begin(status: number, passed?: unknown): void {
    if (hasBegun) return
    hasBegun = true
    recorder.begin(status, [...listHeaders(response.getHeaders()), ...listHeaders(passed)])
  }

  heads.writeHead = function (this: unknown, ...given) {
    begin(given[0] as number, given.at(-1))
    return writeHead.apply(this, given)
  }
  watchWrites(response, (chunk, encoding) => {
    begin(response.statusCode)
    if (typeof chunk === 'string') recorder.write(Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8'))
    else if (chunk instanceof Uint8Array) recorder.write(chunk)
  })
}

/** Headers by name, as `getHeaders` gives them and `writeHead` takes them: also as a flat list of names and values. */
function listHeaders(headers: unknown): (readonly [string, string])[] {
  if (typeof headers !== 'object' || headers === null) return []
  const pairs: (readonly [unknown, unknown])[] = Array.isArray(headers)
    ? headers.every(Array.isArray)
      ? (headers as [unknown, unknown][])
      : headers.flatMap((name: unknown, index) => (index % 2 === 0 ? [[name, headers[index + 1] as unknown] as const] : []))
    : Object.entries(headers)
  return pairs.filter(([, value]) => value !== undefined).map(([name, value]) => [String(name), Array.isArray(value) ? value.join(', ') : String(value)])
}
