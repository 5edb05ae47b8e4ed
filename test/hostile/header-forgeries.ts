import { assemble, createKeyPair, encode, signWith, split, type Forgery, type Project } from './forge.ts'

/** Nothing that a token's header says is believed but which of our own keys to try. */

const row = 'headers'
const answer = 'invalid-token'
const attacker = createKeyPair('ES256')
const jwk = { ...attacker.publicKey.export({ format: 'jwk' }), kid: 'attacker', alg: 'ES256', use: 'sig' }

/** Signed by a foreign key that the header brings along or points to. `canary` is a server that counts who asks. */
function listBroughtKeys(canary: string): Forgery[] {
  const set = `${canary}/auth/v1/.well-known/jwks.json`
  const members: [string, object][] = [
    ['jwk', { jwk }],
    ['jwk with its private part', { jwk: attacker.privateKey.export({ format: 'jwk' }) }],
    ['jwk of a shared secret', { jwk: { kty: 'oct', k: encode('secret') } }],
    ['jwk that is text', { jwk: JSON.stringify(jwk) }],
    ['jwks', { jwks: { keys: [jwk] } }],
    ['jku', { jku: set }],
    ['jku of the canary by another name', { jku: set.replace('127.0.0.1', 'localhost') }],
    ['jku with a user in front', { jku: set.replace('//', '//127.0.0.1@') }],
    ['jku that is a list', { jku: [set] }],
    ['jku of a file', { jku: 'file:///etc/passwd' }],
    ['jku that is data', { jku: `data:application/json,${encodeURIComponent(JSON.stringify({ keys: [jwk] }))}` }],
    ['x5u', { x5u: `${canary}/certificate.pem` }],
    ['x5c', { x5c: [Buffer.from('certificate').toString('base64')] }],
    ['x5c that is text', { x5c: 'certificate' }],
    ['x5t', { x5t: encode('thumbprint'), 'x5t#S256': encode('thumbprint') }],
    ['all of them', { jwk, jku: set, x5u: `${canary}/certificate.pem`, x5c: ['AAAA'] }],
    ['iss', { iss: canary, aud: 'authenticated' }],
    ['epk and apu', { epk: jwk, apu: 'AAAA' }],
  ]
  const ids: [string, (project: Project) => object][] = [
    ["the real key's id", ({ kid }) => ({ kid })],
    ['an id of its own', () => ({ kid: 'attacker' })],
    ['an id that is the address', () => ({ kid: set })],
    ['no id', () => ({})],
  ]
  return members.flatMap(([what, member]) =>
    ids.map(
      ([id, header]): Forgery => ({
        row,
        name: `${what} beside ${id}`,
        answer,
        authorization: (project) => `Bearer ${assemble({ alg: 'ES256', typ: 'JWT', ...header(project), ...member }, project.createClaims(), (input) => signWith('ES256', attacker.privateKey, input))}`,
      }),
    ),
  )
}

const IDS: readonly unknown[] = [
  ...['', ' ', 'unknown', '*', '.', '0', 'null', 'undefined', '__proto__', 'constructor', 'toString', 'key-1\0', 'key\r\nX-Admin: 1'],
  ...['../../../../dev/null', '..\\..\\windows\\win.ini', '/dev/null', '/proc/self/environ', 'file:///dev/null'],
  ...["' or '1'='1", "'; drop table creditgate.reservations; --", "x' union select 'secret", '$(id)', '`id`', '${7*7}', '{{7*7}}', '%00', '\ud800', 'é'],
  ...[null, 0, 1, -1, 1.5, true, false, [], {}, ['kid'], { kid: 'x' }],
  'k'.repeat(2000),
]

/** Of a foreign key, and even of the project's own: a key id that is not one of ours names no key. */
function listIds(): Forgery[] {
  return IDS.flatMap((kid): Forgery[] => [
    {
      row,
      name: `the kid ${JSON.stringify(kid).slice(0, 60)}, by a foreign key`,
      answer,
      authorization: (project) => `Bearer ${assemble({ ...project.header, kid }, project.createClaims(), (input) => signWith('ES256', attacker.privateKey, input))}`,
    },
    {
      row,
      name: `the kid ${JSON.stringify(kid).slice(0, 60)}, by the project's own key`,
      projects: ['ES256', 'RS256'],
      answer,
      authorization: (project) => `Bearer ${project.createToken({}, { kid })}`,
    },
  ])
}

/** Signed by the project's own key: members that must be understood, and are not. */
const CRITICAL: readonly [string, object][] = [
  ['exp', { crit: ['exp'], exp: 1 }],
  ['a member that is not there', { crit: ['exp'] }],
  ['a member of the standard', { crit: ['alg'] }],
  ['b64 that is not there', { crit: ['b64'] }],
  ['an unknown member', { crit: ['urn:example:dpop'], 'urn:example:dpop': true }],
  ['b64 and an unknown member', { crit: ['b64', 'x'], b64: true, x: 1 }],
  ['nothing', { crit: [] }],
  ['text', { crit: 'exp' }],
  ['null', { crit: null }],
  ['a number', { crit: 7 }],
  ['an object', { crit: { 0: 'b64' }, b64: true }],
  ['numbers', { crit: [1] }],
  ['an empty name', { crit: [''], '': 1 }],
  ['__proto__', { crit: ['__proto__'] }],
  ['itself', { crit: ['crit'] }],
  ['b64 that is false', { crit: ['b64'], b64: false }],
  ['b64 that is text', { crit: ['b64'], b64: 'false' }],
  ['b64 that is null', { crit: ['b64'], b64: null }],
]

function listCritical(): Forgery[] {
  return [
    ...CRITICAL.map(
      ([what, header]): Forgery => ({ row, name: `crit names ${what}`, answer, authorization: (project) => `Bearer ${project.createToken({}, header as Record<string, unknown>)}` }),
    ),
    {
      row,
      name: 'claims that are not encoded, as b64 allows',
      answer,
      authorization(project) {
        const header = encode({ ...project.header, b64: false, crit: ['b64'] })
        const claims = 'abc'
        return `Bearer ${header}.${claims}.${project.sign(`${header}.${claims}`).toString('base64url')}`
      },
    },
  ]
}

/** Put into a good token's header afterwards. */
const ADDED: readonly [string, object][] = [
  ['typ', { typ: 'at+jwt' }],
  ['typ of another kind', { typ: 'secevent+jwt' }],
  ['typ that is a list', { typ: ['JWT'] }],
  ['typ in lower case', { typ: 'jwt' }],
  ['cty', { cty: 'JWT' }],
  ['zip', { zip: 'DEF' }],
  ['enc', { enc: 'A128GCM' }],
  ['p2c', { p2c: 2_147_483_647 }],
  ['b64', { b64: true }],
  ['exp', { exp: 9_999_999_999 }],
  ['a member of no meaning', { x: 1 }],
]

function listAdded(): Forgery[] {
  return ADDED.map(
    ([what, member]): Forgery => ({
      row,
      name: `${what} put in afterwards`,
      answer,
      authorization(project) {
        const [, claims, signature] = split(project.createToken())
        return `Bearer ${encode({ ...project.header, ...member })}.${claims}.${signature}`
      },
    }),
  )
}

/** A member twice: the last one counts, here and in all that is signed. */
const TWICE: readonly Forgery[] = [
  ['alg', (header: string) => header.replace(/\}$/, ',"alg":"none"}')],
  ['kid', (header: string) => header.replace(/\}$/, ',"kid":"unknown"}')],
  ['crit', (header: string) => header.replace(/\}$/, ',"crit":["b64"],"crit":["x"],"x":1}')],
].map(([name, change]): Forgery => ({
  row,
  name: `${name as string} twice`,
  ...(name === 'kid' && { projects: ['ES256', 'RS256'] }),
  answer,
  authorization: (project) => `Bearer ${assemble((change as (header: string) => string)(JSON.stringify(project.header)), project.createClaims(), project.sign)}`,
}))

export function listHeaderForgeries(canary: string): readonly Forgery[] {
  return [...listBroughtKeys(canary), ...listIds(), ...listCritical(), ...listAdded(), ...TWICE]
}
