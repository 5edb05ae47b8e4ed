export type BearerToken = { readonly outcome: 'token'; readonly token: string } | { readonly outcome: 'absent' } | { readonly outcome: 'malformed' }

const CREDENTIALS = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i

/**
 * Reads the bearer token of an `Authorization` header (RFC 6750, section 2.1). Another scheme counts as no token; a
 * bearer header that is not one token, doubled headers included, is malformed.
 */
export function readBearerToken(authorization: string | undefined): BearerToken {
  const header = authorization?.trim()
  if (header === undefined) return { outcome: 'absent' }
  const token = CREDENTIALS.exec(header)?.[1]
  if (token !== undefined) return { outcome: 'token', token }
  return /^Bearer\b/i.test(header) ? { outcome: 'malformed' } : { outcome: 'absent' }
}
