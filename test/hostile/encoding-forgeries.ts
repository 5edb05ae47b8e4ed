import type { ProblemName } from 'creditgate'
import { assemble, encode, split, type Forgery, type Part, type Project } from './forge.ts'

/** One strict spelling before any parsing: each of these is made of a good token. */

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

function spelled(name: string, answer: ProblemName, spell: (token: string, parts: [string, string, string], project: Project) => string): Forgery {
  return {
    row: 'compact form',
    name,
    answer,
    authorization(project) {
      const token = project.createToken()
      return spell(token, split(token), project)
    },
  }
}

const bad = (name: string, spell: (token: string, parts: [string, string, string], project: Project) => string): Forgery =>
  spelled(name, 'invalid-token', (token, parts, project) => `Bearer ${spell(token, parts, project)}`)
const malformed = (name: string, spell: (token: string, parts: [string, string, string]) => string): Forgery => spelled(name, 'invalid-request', (token, parts) => spell(token, parts))
const absent = (name: string, spell: (token: string) => string): Forgery => spelled(name, 'unauthenticated', (token) => spell(token))

/** A part of it is inserted in its middle. */
const insert = (token: string, text: string, at = 20): string => `${token.slice(0, at)}${text}${token.slice(at)}`

const SEGMENTS: readonly Forgery[] = [
  bad('one part', ([...letters]) => letters.filter((letter) => letter !== '.').join('')),
  bad('two parts', (_token, [header, claims]) => `${header}.${claims}`),
  bad('four parts', (token) => `${token}.AAAA`),
  bad('four parts, the last one empty', (token) => `${token}.`),
  bad('four parts, the first one empty', (token) => `.${token}`),
  bad('a dot twice', (_token, [header, claims, signature]) => `${header}..${claims}.${signature}`),
  bad('a dot twice before the signature', (_token, [header, claims, signature]) => `${header}.${claims}..${signature}`),
  bad('five parts, as an encrypted token has', (_token, [header, claims, signature]) => `${header}.${claims}.${signature}.${claims}.${signature}`),
  bad('an encrypted token', (_token, _parts, project) => `${encode({ alg: 'dir', enc: 'A256GCM', kid: project.kid })}..${encode('0123456789ab')}.${encode('ciphertext')}.${encode('0123456789abcdef')}`),
  bad('an encrypted token with a costly key derivation', () => `${encode({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2_147_483_647, p2s: 'AAAA' })}.AAAA.AAAA.AAAA.AAAA`),
  bad('no signature', (_token, [header, claims]) => `${header}.${claims}.`),
  bad('no claims', (_token, [header, , signature]) => `${header}..${signature}`),
  bad('no header', (_token, [, claims, signature]) => `.${claims}.${signature}`),
  bad('dots alone', () => '..'),
  bad('a token in a token', (token, [header, , signature]) => `${header}.${encode(token)}.${signature}`),
  bad('its parts in another order', (_token, [header, claims, signature]) => `${claims}.${header}.${signature}`),
  bad('itself encoded again', (token) => encode(token)),
  bad('two tokens end to end', (token) => token + token),
  bad('two tokens joined by a dot', (token) => `${token}.${token}`),
]

const ALPHABET: readonly Forgery[] = [
  bad('padding after the signature', (token) => `${token}=`),
  bad('two signs of padding after the signature', (token) => `${token}==`),
  malformed('padding after the header', (_token, [header, claims, signature]) => `Bearer ${header}=.${claims}.${signature}`),
  malformed('padding after the claims', (_token, [header, claims, signature]) => `Bearer ${header}.${claims}=.${signature}`),
  bad('plain base64 for the signature', (_token, [header, claims, signature]) => `${header}.${claims}.+/${signature.slice(2)}`),
  bad('a plus', (token) => insert(token, '+')),
  bad('a slash', (token) => insert(token, '/')),
  bad('a tilde', (token) => insert(token, '~')),
  bad('a letter more after the signature', (token) => `${token}A`),
  bad('two letters more after the signature', (token) => `${token}AA`),
  bad('a signature of one letter', (_token, [header, claims]) => `${header}.${claims}.A`),
  ...['"', "'", '%', '%2E', '!', '@', '#', '$', '&', '(', '*', ',', ';', '<', '?', '[', '\\', '^', '`', '{', '|'].map((sign) => malformed(`the sign ${sign}`, (token) => `Bearer ${insert(token, sign)}`)),
  ...Array.from({ length: 15 }, (_, index) => index + 1).map((more) =>
    bad(`the bits that its last letter has over, set to ${more} more`, (token, _parts, { algorithm }) => {
      const mask = algorithm === 'HS256' ? 3 : 15
      const last = LETTERS.indexOf(token.at(-1) ?? '')
      // Of three lengths of signature two leave 4 bits over, one leaves 2.
      return `${token.slice(0, -1)}${LETTERS[last + ((more - 1) % mask) + 1] ?? ''}`
    }),
  ),
]

const BLANKS: readonly Forgery[] = [
  ...['\n', '\r\n', '\0', '\x01', '\x7f', '\u00a0', '\u200b', '\ufeff', '\u2028', 'é', '\ud800'].flatMap((sign) => {
    const shown = JSON.stringify(sign)
    return [
      malformed(`${shown} at its end`, (token) => `Bearer ${token}${sign}`),
      malformed(`${shown} in its middle`, (token) => `Bearer ${insert(token, sign)}`),
      malformed(`${shown} before it`, (token) => `Bearer ${sign}${token}`),
    ]
  }),
  ...[' ', '\t'].map((sign) => malformed(`${JSON.stringify(sign)} in its middle`, (token) => `Bearer ${insert(token, sign)}`)),
  malformed('a letter of another alphabet that looks the same', (token) => `Bearer ${token.replace(/[aeo]/, 'а')}`),
  malformed('a dot of another alphabet', (_token, parts) => `Bearer ${parts.join('。')}`),
  malformed('letters of full width', (token) => `Bearer ${token.replace(/^e/, 'ｅ')}`),
  malformed('the scheme alone', () => 'Bearer'),
  malformed('the scheme and a blank', () => 'Bearer '),
  malformed('the scheme twice', (token) => `Bearer Bearer ${token}`),
  malformed('a tab after the scheme', (token) => `Bearer\t${token}`),
  malformed('a colon after the scheme', (token) => `Bearer: ${token}`),
  malformed('an equals sign after the scheme', (token) => `Bearer=${token}`),
  malformed('quotes around it', (token) => `Bearer "${token}"`),
  malformed('angle brackets around it', (token) => `Bearer <${token}>`),
  malformed('a parameter', (token) => `Bearer token="${token}"`),
  malformed('a realm before it', (token) => `Bearer realm="x", ${token}`),
  malformed('a second token', (token) => `Bearer ${token} ${token}`),
  malformed('a doubled header', (token) => `Bearer ${token}, Bearer ${token}`),
  malformed('a doubled header without a blank', (token) => `Bearer ${token},Bearer ${token}`),
  malformed('a doubled header of two schemes', (token) => `Bearer ${token}, Basic YTpi`),
  malformed('a comma at its end', (token) => `Bearer ${token},`),
  malformed('the general JSON form', (_token, [header, claims, signature]) => `Bearer ${JSON.stringify({ payload: claims, signatures: [{ protected: header, signature }] })}`),
  malformed('the flattened JSON form', (_token, [header, claims, signature]) => `Bearer ${JSON.stringify({ payload: claims, protected: header, signature })}`),
]

const SCHEMES: readonly Forgery[] = [
  ...['Basic', 'Digest', 'DPoP', 'Token', 'JWT', 'Negotiate', 'ApiKey', 'Bearers', 'XBearer', 'Bear er', 'B\u0435arer', '"Bearer"', 'Basic, Bearer'].map((scheme) => absent(`the scheme ${scheme}`, (token) => `${scheme} ${token}`)),
  absent('no scheme', (token) => token),
  absent('nothing', () => ''),
  absent('blanks', () => ' \t '),
  absent('a comma before it', (token) => `, Bearer ${token}`),
]

/** Parts that are not what they should hold, under a signature of the project's own key. */
const JSON_PARTS: readonly [string, (good: Record<string, unknown>) => Part][] = [
  ['text', () => '"authenticated"'],
  ['a list', (good) => [good]],
  ['a number', () => '7'],
  ['null', () => 'null'],
  ['a blank', () => ' '],
  ['no JSON', () => '{'],
  ['JSON with a comma too many', (good) => JSON.stringify(good).replace(/\}$/, ',}')],
  ['JSON with a comment', (good) => `${JSON.stringify(good)}//`],
  ['JSON with more behind it', (good) => `${JSON.stringify(good)}{}`],
  ['JSON with a zero byte', (good) => `${JSON.stringify(good)}\0`],
  ['single quotes', (good) => JSON.stringify(good).replaceAll('"', "'")],
  ['bytes that are no UTF-8', (good) => Buffer.concat([Buffer.from(JSON.stringify(good).replace(/\}$/, ',"x":"')), Buffer.from([0xff, 0xfe]), Buffer.from('"}')])],
  ['UTF-16', (good) => Buffer.from(JSON.stringify(good), 'utf16le')],
  ['lists, a thousand deep', () => `${'['.repeat(1000)}${']'.repeat(1000)}`],
  ['lists without an end, two thousand deep', () => '['.repeat(2000)],
  ['objects, five hundred deep', () => `${'{"a":'.repeat(500)}1${'}'.repeat(500)}`],
  ['a number that JSON has no word for', () => '{"exp":NaN}'],
]

const WRONG_PARTS: readonly Forgery[] = JSON_PARTS.flatMap(([what, make]): Forgery[] => [
  { row: 'compact form', name: `claims that are ${what}`, answer: 'invalid-token', authorization: (project) => `Bearer ${assemble(project.header, make(project.createClaims()), project.sign)}` },
  { row: 'compact form', name: `a header that is ${what}`, answer: 'invalid-token', authorization: (project) => `Bearer ${assemble(make(project.header), project.createClaims(), project.sign)}` },
])

/** A token of exactly so many bytes, signed well. */
export function createTokenOfLength(project: Project, bytes: number): string {
  for (let inHeader = 0; inHeader < 4; inHeader += 1) {
    const missing = bytes - project.createToken({ pad: '' }, { pad: 'x'.repeat(inHeader) }).length
    for (let inClaims = Math.floor(missing * 0.75) - 4; inClaims < missing; inClaims += 1) {
      const token = project.createToken({ pad: 'x'.repeat(inClaims) }, { pad: 'x'.repeat(inHeader) })
      if (token.length === bytes) return token
      if (token.length > bytes) break
    }
  }
  throw new Error(`there is no token of ${bytes} bytes`)
}

const OVERSIZE: readonly Forgery[] = [8193, 8194, 8200, 9000, 12_000].map((bytes) => ({
  row: 'at most 8 KiB',
  name: `${bytes} bytes, signed well`,
  answer: 'invalid-token',
  authorization: (project) => `Bearer ${createTokenOfLength(project, bytes)}`,
}))

export function listEncodingForgeries(): readonly Forgery[] {
  return [...SEGMENTS, ...ALPHABET, ...BLANKS, ...SCHEMES, ...WRONG_PARTS, ...OVERSIZE]
}
