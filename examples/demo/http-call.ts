/** A call as any client would make it. */
export interface Call {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly token?: string | undefined
  readonly json?: Readonly<Record<string, unknown>>
  /** Leaves, without reading on, once this many words have arrived. */
  readonly leaveAfterWords?: number
}

/** What the client saw. `body`: it came whole, the client cut it, or it broke off on the server's side. */
export interface Reply {
  readonly status: number
  readonly body: 'whole' | 'cut' | 'broken'
  /** The id in the `Credits-Reservation` header. */
  readonly reservation: string | undefined
}

const ANSWERED_WITHIN_MILLISECONDS = 15_000

export async function send({ method, url, token, json, leaveAfterWords }: Call): Promise<Reply> {
  const headers = new Headers()
  if (token !== undefined) headers.set('Authorization', `Bearer ${token}`)
  if (json !== undefined) headers.set('Content-Type', 'application/json')
  const body = json === undefined ? null : JSON.stringify(json)
  const response = await fetch(url, { method, headers, body, signal: AbortSignal.timeout(ANSWERED_WITHIN_MILLISECONDS) })
  return {
    status: response.status,
    body: await readBody(response, leaveAfterWords ?? Infinity),
    reservation: /="([^"]+)"/.exec(response.headers.get('Credits-Reservation') ?? '')?.[1],
  }
}

async function readBody(response: Response, leaveAfterWords: number): Promise<Reply['body']> {
  if (response.body === null) return 'whole'
  const reader = response.body.getReader()
  const decoder = new TextDecoder()
  let text = ''
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return 'whole'
      text += decoder.decode(value, { stream: true })
      if (text.split(' ').length > leaveAfterWords) {
        await reader.cancel()
        return 'cut'
      }
    }
  } catch {
    return 'broken'
  }
}
