import { createHmac, createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync, randomBytes, randomUUID, sign, constants, type KeyObject } from 'node:crypto'
import type { ProblemName } from 'creditgate'
import { startKeyServer, type KeyServer } from '../support/key-server.ts'

/** What it takes to make any token at all, right ones and wrong ones, without a library that would refuse to. */

export type ProjectAlgorithm = 'ES256' | 'RS256' | 'HS256'

/** Text and bytes are taken as they are, anything else as JSON. */
export type Part = unknown
type Signer = (input: string) => Buffer

/** A Supabase project: its keys, and tokens as its Auth server makes them. */
export interface Project {
  readonly algorithm: ProjectAlgorithm
  readonly url: string
  readonly issuer: string
  readonly kid: string
  /** Serves the key set; nothing is ever asked of it for HS256. */
  readonly server: KeyServer
  /** Public: what an attacker has. For HS256 an unrelated key. */
  readonly publicKey: KeyObject
  readonly secret: string
  readonly header: Readonly<Record<string, unknown>>
  createClaims(claims?: Readonly<Record<string, unknown>>): Record<string, unknown>
  /** Signs whatever it is given with the project's own key. */
  sign: Signer
  /** Signs with the project's own key, under another algorithm of that key. */
  signAs(algorithm: string): Signer
  createToken(claims?: Readonly<Record<string, unknown>>, header?: Readonly<Record<string, unknown>>): string
}

export interface Forgery {
  /** The row of the contract that it is against. */
  readonly row: string
  readonly name: string
  /** Default: every project. */
  readonly projects?: readonly ProjectAlgorithm[]
  /** What is sent as the Authorization header. */
  authorization(project: Project): string
  readonly answer: ProblemName
}

export async function startProject(algorithm: ProjectAlgorithm): Promise<Project> {
  const server = await startKeyServer()
  const kid = randomUUID()
  const secret = randomBytes(40).toString('hex')
  const { privateKey, publicKey } = createKeyPair(algorithm === 'HS256' ? 'ES256' : algorithm)
  if (algorithm !== 'HS256') server.serve({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig', key_ops: ['verify'] }] })
  const issuer = `${server.url}/auth/v1`
  const key = algorithm === 'HS256' ? createSecretKey(secret, 'utf8') : privateKey
  const header = { alg: algorithm, ...(algorithm === 'HS256' ? {} : { kid }), typ: 'JWT' }
  const createClaims: Project['createClaims'] = (claims = {}) => {
    const now = Math.floor(Date.now() / 1000)
    return { iss: issuer, aud: 'authenticated', role: 'authenticated', sub: randomUUID(), exp: now + 3600, iat: now, session_id: randomUUID(), is_anonymous: false, ...claims }
  }
  const signAs = (name: string): Signer => (input) => signWith(name, key, input)
  return {
    algorithm,
    url: server.url,
    issuer,
    kid,
    server,
    publicKey,
    secret,
    header,
    createClaims,
    sign: signAs(algorithm),
    signAs,
    createToken: (claims, more) => assemble({ ...header, ...more }, createClaims(claims), signAs(algorithm)),
  }
}

export function createKeyPair(algorithm: string): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  const curve = { ES256: 'P-256', ES256K: 'secp256k1', ES384: 'P-384', ES512: 'P-521' }[algorithm]
  if (curve !== undefined) return generateKeyPairSync('ec', { namedCurve: curve })
  if (algorithm === 'EdDSA' || algorithm === 'Ed25519') return generateKeyPairSync('ed25519')
  const pem = generateKeyPairSync('rsa', { modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } })
  return { privateKey: createPrivateKey(pem.privateKey), publicKey: createPublicKey(pem.publicKey) }
}

/** Signs under an algorithm of JWA's. */
export function signWith(algorithm: string, key: KeyObject, input: string): Buffer {
  const bits = /[0-9]{3}$/.exec(algorithm)?.[0] ?? '256'
  if (algorithm.startsWith('HS')) return createHmac(`sha${bits}`, key).update(input).digest()
  const bytes = Buffer.from(input)
  if (algorithm.startsWith('Ed')) return sign(null, bytes, key)
  if (algorithm.startsWith('PS')) return sign(`sha${bits}`, bytes, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: Number(bits) / 8 })
  return sign(`sha${bits}`, bytes, { key, dsaEncoding: 'ieee-p1363' })
}

export function encode(part: Part): string {
  if (part instanceof Uint8Array) return Buffer.from(part).toString('base64url')
  return Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')
}

export function assemble(header: Part, claims: Part, signer: Signer): string {
  const input = `${encode(header)}.${encode(claims)}`
  return `${input}.${signer(input).toString('base64url')}`
}

/** A token's three parts as they stand. */
export function split(token: string): [string, string, string] {
  const [header = '', claims = '', signature = ''] = token.split('.')
  return [header, claims, signature]
}
