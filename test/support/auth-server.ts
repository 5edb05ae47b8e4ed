import { randomUUID } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JSONWebKeySet, type JWTPayload } from 'jose'

/** How the key set's endpoint behaves. `down`: the connection breaks; `slow`: no answer; `garbage`: HTML with a 200; `empty`: no keys. */
export type AuthMode = 'ok' | 'down' | 'slow' | 'garbage' | 'empty'

export interface SignOptions {
  /** Added to the token's header, or, with undefined, left out of it. Default `{ alg, kid, typ: 'JWT' }`. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Signs with another key than the server's: a forged token. */
  readonly key?: CryptoKey
}

/** Supabase Auth as far as a verifier sees it: the key set, and tokens signed by it. */
export interface AuthServer {
  /** The project's URL, for `supabaseJwt({ url })`. */
  readonly url: string
  readonly jwksUrl: string
  /** The public keys as they are served in mode `ok`: PostgREST's `jwt-secret` takes it as JSON. */
  readonly jwks: JSONWebKeySet
  /** How often the key set was asked for. */
  readonly requests: number
  /**
   * Signs a user's access token, as Supabase Auth makes it. Claims given replace the default ones, or, with undefined,
   * leave them out. For a server's key of the Data API: `signToken({ role: 'service_role' })`.
   */
  signToken(claims?: Readonly<Record<string, unknown>>, options?: SignOptions): Promise<string>
  setMode(mode: AuthMode): void
  /** Replaces the key; tokens signed before are foreign from now on. */
  rotate(): Promise<void>
  close(): Promise<void>
}

interface SigningKey {
  readonly privateKey: CryptoKey
  readonly publicJwk: JSONWebKeySet['keys'][number]
  readonly kid: string
}

/** Starts the server on a free port of 127.0.0.1. */
export async function startAuthServer({ alg = 'ES256' }: { readonly alg?: 'ES256' | 'RS256' } = {}): Promise<AuthServer> {
  let key = await createSigningKey(alg)
  let mode: AuthMode = 'ok'
  let requests = 0

  const answers: Record<AuthMode, (response: ServerResponse) => unknown> = {
    ok: (response) => response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: [key.publicJwk] })),
    down: (response) => response.destroy(),
    slow: () => undefined,
    garbage: (response) => response.setHeader('content-type', 'text/html').end('<html><body>Welcome</body></html>'),
    empty: (response) => response.setHeader('content-type', 'application/json').end('{"keys":[]}'),
  }
  const server = createServer((request, response) => {
    if (request.url !== '/auth/v1/.well-known/jwks.json') {
      response.writeHead(404).end()
      return
    }
    requests += 1
    answers[mode](response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  return {
    url,
    jwksUrl: `${url}/auth/v1/.well-known/jwks.json`,
    get jwks() {
      return { keys: [key.publicJwk] }
    },
    get requests() {
      return requests
    },
    signToken(claims = {}, { header = {}, key: foreign } = {}) {
      const now = Math.floor(Date.now() / 1000)
      const defaults = { iss: `${url}/auth/v1`, aud: 'authenticated', role: 'authenticated', iat: now, exp: now + 3600, is_anonymous: false }
      const payload = { sub: randomUUID(), session_id: randomUUID(), ...defaults, ...claims } as JWTPayload
      return new SignJWT(payload).setProtectedHeader({ alg, kid: key.kid, typ: 'JWT', ...header }).sign(foreign ?? key.privateKey)
    },
    setMode(next) {
      mode = next
    },
    async rotate() {
      key = await createSigningKey(alg)
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

async function createSigningKey(alg: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const kid = randomUUID()
  return { privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig', key_ops: ['verify'] }, kid }
}
