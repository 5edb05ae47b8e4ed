export type BearerToken = { readonly outcome: 'token'; readonly token: string } | { readonly outcome: 'absent' } | { readonly outcome: 'malformed' }

/** Blanks around a field's value are SP and HTAB (RFC 9110, section 5.5): not what `trim` takes for blank, line breaks among it. */
const CREDENTIALS = /^[ \t]*Bearer +([A-Za-z0-9._~+/-]+=*)[ \t]*$/i

/**
 * Reads the bearer token of an `Authorization` header (RFC 6750, section 2.1). Another scheme counts as no token; a
 * bearer header that is not one token, doubled headers included, is malformed.
 */
export function readBearerToken(authorization: string | undefined): BearerToken {
  if (authorization === undefined) return { outcome: 'absent' }
  const token = CREDENTIALS.exec(authorization)?.[1]
  if (token !== undefined) return { outcome: 'token', token }
  return /^\s*Bearer\b/i.test(authorization) ? { outcome: 'malformed' } : { outcome: 'absent' }
}
