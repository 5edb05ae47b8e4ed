/** The part of Node's `IncomingMessage` that tells who sends it. Stand-ins of test tools and serverless hosts may lack the second. */
export interface NodeRequestLike {
  readonly headers: { readonly authorization?: string | undefined }
  readonly headersDistinct?: Readonly<Record<string, readonly string[] | undefined>>
}

/**
 * The `Authorization` header as it came, several of them joined with a comma, as HTTP does: `headers` keeps the first and drops the
 * others. A single one is taken from `headers`, where a middleware may have put it.
 */
export function readAuthorization({ headers, headersDistinct }: NodeRequestLike): string | undefined {
  const sent = headersDistinct?.['authorization']
  return sent !== undefined && sent.length > 1 ? sent.join(', ') : headers.authorization
}
