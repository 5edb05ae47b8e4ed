import { z } from 'zod'
import { decodeBase64, encodeBase64 } from './base64.ts'
import type { StoredAnswer } from './ledger/ledger.ts'
import { whole } from './options.ts'
import type { RecorderOptions, StoredResponse } from './recorder.ts'

/** What of a response is kept, so that a request with the same Idempotency-Key gets it again. */
export interface ReplayOptions {
  /** The largest body that is kept, in bytes, 0 to 1048576. Default 65536. A larger one is answered with 409 `already-charged`. */
  readonly maxBytes?: number
  /** Names of headers to keep besides Content-Type and those that describe the body. Never Set-Cookie. Default none. */
  readonly headers?: readonly string[]
}

/** They say what the body is. Content-Encoding only where the handler encoded it: what a layer outside adds, it adds again. */
const KEPT = ['content-type', 'content-language', 'content-disposition', 'content-encoding', 'content-location', 'location', 'etag', 'last-modified', 'link']
/** Another user's session, or a fact of one connection. */
const NEVER = new Set(['set-cookie', 'connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date', 'trailer', 'upgrade'])

export const replayOptions = z.strictObject({
  maxBytes: whole(0, 1_048_576).default(65_536),
  headers: z
    .array(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'must be the name of a header').refine((name) => !NEVER.has(name.toLowerCase()), 'must not be one that belongs to a single user or connection'))
    .default([]),
})

export function createRecorderOptions({ maxBytes, headers }: z.output<typeof replayOptions>): RecorderOptions {
  return { maxBytes, headers: new Set([...KEPT, ...headers.map((name) => name.toLowerCase())]) }
}

/** As it travels to the database: the body in base64. */
export function packResponse({ status, headers, body }: StoredResponse): StoredAnswer {
  return { status, headers, body: encodeBase64(body) }
}

/** As it is sent again, and told apart from a first answer. */
export function unpackResponse({ status, headers, body }: StoredAnswer): StoredResponse {
  return { status, headers: { ...headers, 'idempotency-replayed': 'true', 'cache-control': 'no-store' }, body: decodeBase64(body) }
}
