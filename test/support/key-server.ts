import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** An HTTP server on loopback that answers every request in one way, which can be changed, and counts them. */
export interface KeyServer {
  readonly url: string
  readonly jwksUrl: string
  /** How often anything was asked for. */
  readonly requests: number
  /** How often anyone connected, also for something else than HTTP. */
  readonly connections: number
  answer(next: (response: ServerResponse, request: IncomingMessage) => unknown): void
  /** Answers with this, as JSON. */
  serve(body: unknown): void
  close(): Promise<void>
}

/** Starts it on a free port of 127.0.0.1, with an empty key set. */
export async function startKeyServer(): Promise<KeyServer> {
  let [requests, connections] = [0, 0]
  let respond: (response: ServerResponse, request: IncomingMessage) => unknown
  const serve = (body: unknown): void => {
    respond = (response) => response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
  }
  serve({ keys: [] })
  const server = createServer((request, response) => {
    requests += 1
    respond(response, request)
  })
  server.on('connection', () => (connections += 1))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url,
    jwksUrl: `${url}/auth/v1/.well-known/jwks.json`,
    get requests() {
      return requests
    },
    get connections() {
      return connections
    },
    answer(next) {
      respond = next
    },
    serve,
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
