import type { GuardRequest } from './admission.ts'
import type { Idempotency } from './ledger/ledger.ts'
import { createProblem, type Problem } from './problem.ts'
import { sha256 } from './sha256.ts'
import { encodeUtf8 } from './utf8.ts'

/** How a route treats the `Idempotency-Key` header. `off`: as if it were not there. */
export type IdempotencyMode = 'optional' | 'required' | 'off'

export type Keyed = { readonly outcome: 'keyed'; readonly idempotency: Idempotency | undefined } | { readonly outcome: 'refused'; readonly problem: Problem }

/** Visible ASCII; two headers joined with a comma and a space are none. A quoted string is taken with its quotes. */
const KEY = /^[\x21-\x7e]{1,255}$/

/**
 * Reads which attempt of a client a request is, after the IETF draft "The Idempotency-Key HTTP Header Field". The key counts
 * for a subscription, method, route and its credit types (a route may have several guards); its fingerprint is over method, path,
 * query and body. Both reach the database as digests: what clients put into keys and bodies is not stored.
 */
export async function readIdempotency<Context>(
  request: GuardRequest<Context>,
  { mode, creditTypes }: { readonly mode: IdempotencyMode; readonly creditTypes: readonly string[] },
): Promise<Keyed> {
  const { idempotencyKey: key, method, describe } = request
  if (mode === 'off') return { outcome: 'keyed', idempotency: undefined }
  if (key === undefined) {
    return mode === 'required' ? refuse('This request must carry an Idempotency-Key header.') : { outcome: 'keyed', idempotency: undefined }
  }
  if (!KEY.test(key)) return refuse('The Idempotency-Key header must be 1 to 255 visible ASCII characters.')

  const { route, url, body } = (await describe?.()) ?? { route: '', url: '', body: undefined }
  return {
    outcome: 'keyed',
    idempotency: { key: await digest(JSON.stringify([method, route, creditTypes.toSorted().join(' '), key])), fingerprint: await digest(JSON.stringify([method, url]), body) },
  }
}

function refuse(detail: string): Keyed {
  return { outcome: 'refused', problem: createProblem('invalid-request', { detail }) }
}

/** SHA-256 as hex. No part of JSON text contains a zero byte, so that two parts cannot be told as one. */
async function digest(head: string, tail: Uint8Array | string = ''): Promise<string> {
  const [first, second] = [encodeUtf8(`${head}\0`), typeof tail === 'string' ? encodeUtf8(tail) : tail]
  const bytes = new Uint8Array(first.length + second.length)
  bytes.set(first)
  bytes.set(second, first.length)
  return Array.from(await sha256(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
