import type { StoredAnswer } from 'creditgate'

/** A response that is kept with its commit, since an instant. */
export interface KeptResponse {
  readonly answer: StoredAnswer
  readonly storedAt: number
}

const KEPT_FOR = 86_400_000

export function keepResponse({ status, headers, body }: StoredAnswer, now: number): KeptResponse {
  // As bytes come back from a database: a number that was text, and bits that no byte has, do not last.
  return Object.freeze({ answer: Object.freeze({ status: Number(status as unknown), headers: Object.freeze({ ...headers }), body: btoa(atob(body)) }), storedAt: now })
}

/** After 24 hours it is never sent. */
export function isOld({ storedAt }: KeptResponse, now: number): boolean {
  return storedAt <= now - KEPT_FOR
}
