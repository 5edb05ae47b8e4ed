/** How a scenario speaks to a host. */
export interface Client {
  send(options?: SendOptions): Exchange
  close(): void
}

export interface SendOptions {
  /** Default `POST`. */
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
  /** Sent as JSON text. */
  readonly body?: string
  /** On the connection of the request before, where that was kept too. Default false: one of its own, that ends with it. */
  readonly keepsConnection?: boolean
}

export interface Head {
  readonly status: number
  readonly headers: Headers
  /** It came on a connection that an earlier request had opened. */
  readonly reused: boolean
}

export interface Reply extends Head {
  readonly body: string
  /** It was cut off before its end. */
  readonly broken: boolean
}

/** One request and its response, of which only so much is read as is asked for. */
export interface Exchange {
  /** Resolves when the headers are here; rejects when there will be none. */
  readonly head: Promise<Head>
  /** The next piece of the body; undefined: there is no more. Rejects when it is cut off. */
  read(): Promise<string | undefined>
  /** Hangs up: closes the connection in order, or, where it is told to, resets it. */
  leave(how?: 'reset'): void
}

export interface ClientOptions {
  /** Sent with each request, unless a request has one of its own. */
  readonly headers: Readonly<Record<string, string>>
}

const PATH = '/paid'

/** A client for a host that listens on a URL: over real sockets, by `node:http`. */
export async function connectTo(base: string, { headers: always }: ClientOptions): Promise<Client> {
  // Loaded only here: the scenarios are also bundled for runtimes that have none.
  const { Agent, request: startRequest } = await import('node:http')
  const kept = new Agent({ keepAlive: true, maxSockets: 1 })

  function send({ method = 'POST', headers = {}, query = '', body: sent, keepsConnection = false }: SendOptions = {}): Exchange {
    const request = startRequest(`${base}${PATH}${query}`, { method, headers: withBody({ ...always, ...headers }, sent), agent: keepsConnection ? kept : false })
    const response = new Promise<import('node:http').IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.on('error', reject)
    })
    const pieces = response.then((received) => (received as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]())
    // Who only leaves asks for neither.
    for (const promise of [response, pieces]) promise.catch(() => undefined)
    const decoder = new TextDecoder()
    request.end(sent)
    return {
      head: response.then((received) => ({ status: received.statusCode ?? 0, headers: toHeaders(received.rawHeaders), reused: request.reusedSocket })),
      async read() {
        const piece = await (await pieces).next()
        return piece.done === true ? undefined : decoder.decode(piece.value, { stream: true })
      },
      leave(how) {
        if (how === 'reset') request.socket?.resetAndDestroy()
        else request.destroy()
      },
    }
  }
  return { send, close: () => kept.destroy() }
}

/** A client for what answers as a function, as tests and runtimes of the fetch kind do: no socket, the body is all there is. */
export function callFunction(answer: (request: Request) => Response | Promise<Response>, { headers: always }: ClientOptions): Client {
  return {
    send({ method = 'POST', headers = {}, query = '', body } = {}) {
      const leaving = new AbortController()
      const request = new Request(`http://localhost${PATH}${query}`, { method, headers: withBody({ ...always, ...headers }, body), signal: leaving.signal, ...(body !== undefined && { body }) })
      const response = Promise.resolve(answer(request))
      const reader = response.then(({ body: stream }) => stream?.getReader())
      for (const promise of [response, reader]) promise.catch(() => undefined)
      const decoder = new TextDecoder()
      return {
        head: response.then((received) => ({ status: received.status, headers: received.headers, reused: false })),
        async read() {
          const result = await (await reader)?.read()
          return result?.value === undefined ? undefined : decoder.decode(result.value, { stream: true })
        },
        leave() {
          leaving.abort()
          void reader.then((found) => found?.cancel('the client has left')).catch(() => undefined)
        },
      }
    },
    close: () => undefined,
  }
}

/** Reads a response to its end, whatever that is. */
export async function readAll(exchange: Exchange): Promise<Reply> {
  const head = await exchange.head
  let body = ''
  try {
    for (let piece = await exchange.read(); piece !== undefined; piece = await exchange.read()) body += piece
    return { ...head, body, broken: false }
  } catch {
    return { ...head, body, broken: true }
  }
}

/** Reads until so much text has come; with what came beyond it. */
export async function readUntil(exchange: Exchange, text: string): Promise<string> {
  let body = ''
  while (!body.includes(text)) {
    const piece = await exchange.read()
    if (piece === undefined) throw new Error(`the response ended before ${JSON.stringify(text)} had come: ${JSON.stringify(body)}`)
    body += piece
  }
  return body
}

function withBody(headers: Readonly<Record<string, string>>, body: string | undefined): Record<string, string> {
  return body === undefined ? { ...headers } : { 'Content-Type': 'application/json', ...headers }
}

function toHeaders(raw: readonly string[]): Headers {
  const headers = new Headers()
  for (let place = 0; place < raw.length; place += 2) headers.append(raw[place] ?? '', raw[place + 1] ?? '')
  return headers
}
