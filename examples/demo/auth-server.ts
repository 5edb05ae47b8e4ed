import { randomUUID } from 'node:crypto'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { listenOnLoopback, type LoopbackServer } from './loopback-server.ts'

/** Plays Supabase Auth: publishes its signing keys, and signs users in. */
export interface Auth extends LoopbackServer {
  /** An access token like the ones Supabase Auth issues. `lifetime` as in "1h"; default one hour. */
  signIn(user: string, lifetime?: string): Promise<string>
  /** The same token signed by somebody else, under the name of the real key. */
  forgeToken(user: string): Promise<string>
}

const KEYS_PATH = '/auth/v1/.well-known/jwks.json'

export async function startAuth(): Promise<Auth> {
  const kid = randomUUID()
  const [real, foreign] = await Promise.all([generateKeyPair('ES256'), generateKeyPair('ES256')])
  const jwks = JSON.stringify({ keys: [{ ...(await exportJWK(real.publicKey)), kid, alg: 'ES256', use: 'sig' }] })
  const server = await listenOnLoopback((request, response) => {
    if (request.url === KEYS_PATH) response.writeHead(200, { 'Content-Type': 'application/json' }).end(jwks)
    else response.writeHead(404).end()
  })

  const sign = (user: string, key: CryptoKey, lifetime: string) =>
    new SignJWT({ role: 'authenticated', is_anonymous: false, aal: 'aal1', session_id: randomUUID() })
      .setProtectedHeader({ alg: 'ES256', kid, typ: 'JWT' })
      .setIssuer(`${server.url}/auth/v1`)
      .setAudience('authenticated')
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime(lifetime)
      .sign(key)
  return {
    ...server,
    signIn: (user, lifetime = '1h') => sign(user, real.privateKey, lifetime),
    forgeToken: (user) => sign(user, foreign.privateKey, '1h'),
  }
}
