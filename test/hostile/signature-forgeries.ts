import { createSecretKey, sign } from 'node:crypto'
import { assemble, createKeyPair, encode, signWith, split, type Forgery, type Project, type ProjectAlgorithm } from './forge.ts'

/** Algorithms come from configuration, never from the token; what is signed otherwise, or not at all, is foreign. */

const row = 'algorithms'
const ASYMMETRIC: readonly ProjectAlgorithm[] = ['ES256', 'RS256']
const answer = 'invalid-token'
const show = (value: unknown): string => (value === undefined ? 'nothing' : JSON.stringify(value))

const ALGORITHMS: readonly unknown[] = [
  ...['none', 'None', 'NONE', 'nOnE', '', 'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES256K', 'ES384', 'ES512', 'EdDSA', 'Ed25519', 'Ed448', 'ML-DSA-44', 'dir', 'A128KW', 'RSA-OAEP', 'ECDH-ES'],
  ...['es256', 'rs256', 'hs256', 'Es256', 'ES256 ', ' ES256', 'ES256\0', 'RS256\n', 'ES256,none', '__proto__', 'constructor', 'toString'],
  ...[undefined, null, 0, 256, true, {}, [], ['ES256'], ['RS256'], ['HS256'], ['none', 'ES256'], { alg: 'ES256' }],
]

function listAlgorithms(): Forgery[] {
  const others = (algorithm: unknown): ProjectAlgorithm[] => ([...ASYMMETRIC, 'HS256'] as const).filter((own) => own !== algorithm)
  return ALGORITHMS.flatMap((algorithm): Forgery[] => [
    {
      row,
      name: `alg is ${show(algorithm)}, with the signature of a good token`,
      projects: others(algorithm),
      answer,
      authorization(project) {
        const [, claims, signature] = split(project.createToken())
        return `Bearer ${encode({ ...project.header, alg: algorithm })}.${claims}.${signature}`
      },
    },
    {
      row,
      name: `alg is ${show(algorithm)}, signed by the project's own key`,
      projects: others(algorithm),
      answer,
      authorization: (project) => `Bearer ${assemble({ ...project.header, alg: algorithm }, project.createClaims(), project.sign)}`,
    },
  ])
}

/** Of the project's own key, by an algorithm of its kind that is not the configured one, and says so or does not. */
function listSiblings(): Forgery[] {
  const siblings = { ES256: [], RS256: ['RS384', 'RS512', 'PS256', 'PS384', 'PS512'], HS256: ['HS384', 'HS512'] }
  return Object.entries(siblings).flatMap(([own, algorithms]) =>
    algorithms.flatMap((algorithm): Forgery[] => [
      { row, name: `the project's own key signs by ${algorithm}`, projects: [own as ProjectAlgorithm], answer, authorization: (project) => `Bearer ${assemble({ ...project.header, alg: algorithm }, project.createClaims(), project.signAs(algorithm))}` },
      { row, name: `the project's own key signs by ${algorithm} and says ${own}`, projects: [own as ProjectAlgorithm], answer, authorization: (project) => `Bearer ${assemble(project.header, project.createClaims(), project.signAs(algorithm))}` },
    ]),
  )
}

function listForeignKeys(): Forgery[] {
  return ['ES256', 'ES256K', 'ES384', 'ES512', 'RS256', 'RS512', 'PS256', 'EdDSA'].flatMap((algorithm) => {
    const { privateKey, publicKey } = createKeyPair(algorithm)
    const jwk = publicKey.export({ format: 'jwk' })
    const headers: [string, (project: Project) => object][] = [
      ["under the real key's id", ({ kid }) => ({ kid })],
      ['under no id', () => ({})],
      ['under an id of its own', () => ({ kid: 'attacker' })],
      ["under the real key's id, with itself in the header", ({ kid }) => ({ kid, jwk })],
      ['with itself in the header', () => ({ jwk })],
    ]
    return headers.map(
      ([what, more]): Forgery => ({
        row,
        name: `a foreign key signs by ${algorithm} ${what}`,
        answer,
        authorization: (project) => `Bearer ${assemble({ alg: algorithm, typ: 'JWT', ...more(project) }, project.createClaims(), (input) => signWith(algorithm, privateKey, input))}`,
      }),
    )
  })
}

const PUBLIC_SECRETS: readonly [string, (project: Project) => string | Buffer][] = [
  ['the public key as PEM', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' })],
  ['the public key as PEM without its last line break', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }).toString().trimEnd()],
  ['the public key as PEM on one line', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }).toString().replaceAll('\n', '')],
  ['the public key as DER', ({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' })],
  ['the public key as JWK', ({ publicKey }) => JSON.stringify(publicKey.export({ format: 'jwk' }))],
  ['the key set', ({ publicKey, kid, algorithm }) => JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid, alg: algorithm, use: 'sig', key_ops: ['verify'] }] })],
  ["the key's first member", ({ publicKey }) => Buffer.from(publicKey.export({ format: 'jwk' }).x ?? publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')],
  ["the key's first member as text", ({ publicKey }) => publicKey.export({ format: 'jwk' }).x ?? publicKey.export({ format: 'jwk' }).n ?? ''],
  ["the key's id", ({ kid }) => kid],
  ['the issuer', ({ issuer }) => issuer],
  ['nothing', () => ''],
  ["the Supabase CLI's default", () => 'super-secret-jwt-token-with-at-least-32-characters-long'],
]

const NEAR_SECRETS: readonly [string, (secret: string) => string | Buffer][] = [
  ['a letter more', (secret) => `${secret}\n`],
  ['a letter less', (secret) => secret.slice(1)],
  ['the other case', (secret) => secret.toUpperCase()],
  ['its bytes decoded', (secret) => Buffer.from(secret, 'hex')],
  ['its bytes decoded from base64', (secret) => Buffer.from(secret, 'base64')],
  ['itself encoded', (secret) => Buffer.from(secret).toString('base64')],
  ['a blank before it', (secret) => ` ${secret}`],
]

function listSecrets(): Forgery[] {
  const hmac = (name: string, algorithm: string, secretOf: (project: Project) => string | Buffer, projects?: readonly ProjectAlgorithm[]): Forgery => ({
    row,
    name: `${algorithm} with ${name} as its secret`,
    ...(projects && { projects }),
    answer,
    authorization: (project) => `Bearer ${assemble({ ...project.header, alg: algorithm }, project.createClaims(), (input) => signHmac(algorithm, secretOf(project), input))}`,
  })
  return [
    ...['HS256', 'HS384', 'HS512'].flatMap((algorithm) => PUBLIC_SECRETS.map(([name, secret]) => hmac(name, algorithm, secret))),
    ...NEAR_SECRETS.map(([name, secret]) => hmac(name, 'HS256', (project) => secret(project.secret), ['HS256'])),
    ...['HS256', 'HS512'].map((algorithm) => hmac('the right legacy secret', algorithm, ({ secret }) => secret, ASYMMETRIC)),
  ]
}

function signHmac(algorithm: string, secret: string | Buffer, input: string): Buffer {
  // An empty secret key cannot be made; HMAC pads any secret with zero bytes, so that one of them is the same.
  return signWith(algorithm, createSecretKey(secret.length === 0 ? Buffer.alloc(1) : Buffer.from(secret as string)), input)
}

type Bytes = (signature: Buffer) => Buffer
const N = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
const [ZERO, ONE] = [Buffer.alloc(32), Buffer.concat([Buffer.alloc(31), Buffer.from([1])])]

const CHANGED: readonly [string, Bytes][] = [
  ['lacks its last byte', (bytes) => bytes.subarray(0, -1)],
  ['lacks its first byte', (bytes) => bytes.subarray(1)],
  ['is cut in half', (bytes) => bytes.subarray(0, bytes.length / 2)],
  ['is one byte', (bytes) => bytes.subarray(0, 1)],
  ['has a zero byte more at its end', (bytes) => Buffer.concat([bytes, Buffer.alloc(1)])],
  ['has a zero byte more before it', (bytes) => Buffer.concat([Buffer.alloc(1), bytes])],
  ['stands there twice', (bytes) => Buffer.concat([bytes, bytes])],
  ['is all zeros', (bytes) => Buffer.alloc(bytes.length)],
  ['is all ones', (bytes) => Buffer.alloc(bytes.length, 255)],
  ['is backwards', (bytes) => Buffer.from(bytes).reverse()],
  ['has its halves swapped', (bytes) => Buffer.concat([bytes.subarray(bytes.length / 2), bytes.subarray(0, bytes.length / 2)])],
  ['is its own hexadecimal text', (bytes) => Buffer.from(bytes.toString('hex'))],
  ['is encoded twice', (bytes) => Buffer.from(bytes.toString('base64url'))],
  ...[0, 1, 7, 8, 100, 128, 200, 255].map((bit): [string, Bytes] => [`has bit ${bit} flipped`, (bytes) => flip(bytes, bit)]),
  ['has its last bit flipped', (bytes) => flip(bytes, bytes.length * 8 - 1)],
]
const CHANGED_POINTS: readonly [string, Bytes][] = [
  ['is r = 0, s = 0', () => Buffer.concat([ZERO, ZERO])],
  ['is r = 1, s = 1', () => Buffer.concat([ONE, ONE])],
  ['is r = 0', (bytes) => Buffer.concat([ZERO, bytes.subarray(32)])],
  ['is s = 0', (bytes) => Buffer.concat([bytes.subarray(0, 32), ZERO])],
  ['is r = n, s = n', () => Buffer.concat([N, N])],
  ['is r = n', (bytes) => Buffer.concat([N, bytes.subarray(32)])],
  ['is s = n', (bytes) => Buffer.concat([bytes.subarray(0, 32), N])],
]

function flip(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (128 >> (bit & 7))
  return copy
}

function listChangedSignatures(): Forgery[] {
  const [p256, p384, rsa] = [createKeyPair('ES256').privateKey, createKeyPair('ES384').privateKey, createKeyPair('RS256').privateKey]
  const changed = ([name, change]: readonly [string, Bytes], projects?: readonly ProjectAlgorithm[]): Forgery => ({
    row: 'signatures',
    name: `the signature ${name}`,
    ...(projects && { projects }),
    answer,
    authorization: (project) => `Bearer ${assemble(project.header, project.createClaims(), (input) => change(project.sign(input)))}`,
  })
  const other = (name: string, projects: readonly ProjectAlgorithm[], signer: (project: Project, input: string) => Buffer): Forgery => ({
    row: 'signatures',
    name: `the signature ${name}`,
    projects,
    answer,
    authorization: (project) => `Bearer ${assemble(project.header, project.createClaims(), (input) => signer(project, input))}`,
  })
  return [
    ...CHANGED.map((one) => changed(one)),
    ...CHANGED_POINTS.map((one) => changed(one, ['ES256'])),
    other('is of another token', ['ES256', 'RS256', 'HS256'], (project) => project.sign(`${encode(project.header)}.${encode(project.createClaims())}`)),
    other('is of the claims alone', ['ES256', 'RS256', 'HS256'], (project, input) => project.sign(input.split('.')[1] ?? '')),
    other('is DER by a foreign key', ['ES256'], (_project, input) => sign('sha256', Buffer.from(input), p256)),
    other('is DER of the right one', ['ES256'], (project, input) => toDer(project.sign(input))),
    other('is of a key of another curve', ['ES256'], (_project, input) => signWith('ES384', p384, input)),
    other('is of an RSA key', ['ES256'], (_project, input) => signWith('RS256', rsa, input)),
    other('is of an elliptic curve', ['RS256'], (_project, input) => signWith('ES256', p256, input)),
    ...['the claims', 'the header'].map(
      (part, index): Forgery => ({
        row: 'signatures',
        name: `${part} changed after signing`,
        answer,
        authorization(project) {
          const parts = split(project.createToken())
          parts[1 - index] = encode(index === 0 ? project.createClaims() : { ...project.header, x: 1 })
          return `Bearer ${parts.join('.')}`
        },
      }),
    ),
  ]
}

function toDer(raw: Buffer): Buffer {
  const integer = (bytes: Buffer) => {
    const first = bytes.findIndex((byte) => byte !== 0)
    const value = Buffer.concat([(bytes[first] ?? 0) > 127 ? Buffer.alloc(1) : Buffer.alloc(0), bytes.subarray(first)])
    return Buffer.concat([Buffer.from([2, value.length]), value])
  }
  const body = Buffer.concat([integer(raw.subarray(0, 32)), integer(raw.subarray(32))])
  return Buffer.concat([Buffer.from([0x30, body.length]), body])
}

export function listSignatureForgeries(): readonly Forgery[] {
  return [...listAlgorithms(), ...listSiblings(), ...listForeignKeys(), ...listSecrets(), ...listChangedSignatures()]
}
