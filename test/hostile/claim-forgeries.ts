import { randomUUID } from 'node:crypto'
import type { ProblemName } from 'creditgate'
import { assemble, type Forgery, type Project, type ProjectAlgorithm } from './forge.ts'

/** All signed by the project's own key: what it signs is not always a user's access token. */

type Claims = Readonly<Record<string, unknown>>
const seconds = (): number => Math.floor(Date.now() / 1000)
const show = (value: unknown): string => (value === undefined ? 'missing' : typeof value === 'number' ? String(value) : JSON.stringify(value))

function claimed(row: string, name: string, claims: Claims | ((project: Project) => Claims), answer: ProblemName = 'invalid-token'): Forgery {
  return { row, name, answer, authorization: (project) => `Bearer ${project.createToken(typeof claims === 'function' ? claims(project) : claims)}` }
}

const ODD: readonly unknown[] = [undefined, null, true, false, 0, 1, -1, 1.5, 2 ** 53, '', ' ', '0', 'null', [], {}, [null], [[]]]

function listOdd(): Forgery[] {
  const claim = (name: string, values: readonly unknown[]) => values.map((value) => claimed(name, `${name} is ${show(value)}`, { [name]: value }))
  const isText = (value: unknown): boolean => typeof value === 'string'
  return [
    ...['iss', 'aud', 'role', 'sub'].flatMap((name) => claim(name, ODD)),
    ...claim('exp', ODD.filter((value) => value !== 2 ** 53)),
    ...['nbf', 'iat'].flatMap((name) => claim(name, ODD.filter((value) => value !== undefined && typeof value !== 'number'))),
    ...claim('is_anonymous', ODD.filter((value) => value !== undefined && typeof value !== 'boolean')),
    ...claim('client_id', ODD.filter((value) => value !== undefined && !isText(value))),
    ...claim('session_id', ODD.filter((value) => value !== undefined && !isText(value))),
  ]
}

const ISSUERS: readonly [string, (issuer: string) => unknown][] = [
  ['that of another project', () => 'https://abcdefghijklmnopqrst.supabase.co/auth/v1'],
  ['that of the API keys', () => 'supabase'],
  ['that of older projects', () => 'supabase-demo'],
  ['with a slash more', (issuer) => `${issuer}/`],
  ['with a slash less', (issuer) => issuer.slice(0, -1)],
  ['without its path', (issuer) => issuer.replace('/auth/v1', '')],
  ['of another version', (issuer) => issuer.replace('v1', 'v2')],
  ['in upper case', (issuer) => issuer.toUpperCase()],
  ['with its path in upper case', (issuer) => issuer.replace('/auth/v1', '/AUTH/V1')],
  ['by https', (issuer) => issuer.replace('http:', 'https:')],
  ['without a scheme', (issuer) => issuer.replace('http:', '')],
  ['by another name of the host', (issuer) => issuer.replace('127.0.0.1', 'localhost')],
  ['on another port', (issuer) => issuer.replace(/:[0-9]+/, ':1')],
  ['with a user', (issuer) => issuer.replace('//', '//user@')],
  ['as the user of another host', (issuer) => `${issuer}@example.com`],
  ['with a query', (issuer) => `${issuer}?x`],
  ['with a fragment', (issuer) => `${issuer}#`],
  ['with a blank', (issuer) => `${issuer} `],
  ['with a blank before it', (issuer) => ` ${issuer}`],
  ['with a line break', (issuer) => `${issuer}\n`],
  ['with a zero byte', (issuer) => `${issuer}\0`],
  ['with a dot in its path', (issuer) => issuer.replace('/auth', '/./auth')],
  ['percent-encoded', (issuer) => issuer.replace('auth', '%61uth')],
  ['in another Unicode form', (issuer) => issuer.replace('a', 'ａ')],
  ['in a list', (issuer) => [issuer]],
  ['as a member', (issuer) => ({ iss: issuer })],
  ['joined with another', (issuer) => `${issuer},https://example.com`],
]

const AUDIENCES: readonly [string, unknown][] = [
  ['anon', 'anon'],
  ['service_role', 'service_role'],
  ['in upper case', 'AUTHENTICATED'],
  ['with a blank', 'authenticated '],
  ['with more behind it', 'authenticated-not'],
  ['with more before it', 'not-authenticated'],
  ['several in one text', 'authenticated other'],
  ['several in one text, with a comma', 'other,authenticated'],
  ['a list without it', ['other', 'anon']],
  ['a list that only contains the word', ['authenticated!']],
  ['a list in a list', [['authenticated']]],
  ['a list of objects', [{ aud: 'authenticated' }]],
  ['an object of that name', { authenticated: true }],
  ['an object like a list', { 0: 'authenticated', length: 1 }],
  ['an object that includes', { includes: 'authenticated' }],
  ["the project's URL", 'https://abcdefghijklmnopqrst.supabase.co'],
]

const ROLES: readonly unknown[] = [
  ...['anon', 'service_role', 'supabase_admin', 'supabase_auth_admin', 'postgres', 'authenticator', 'dashboard_user', 'admin'],
  ...['Authenticated', 'AUTHENTICATED', 'authenticated ', ' authenticated', 'authenticated\0', 'authenticated,service_role', 'аuthenticated'],
  ...[['authenticated'], ['service_role'], ['authenticated', 'service_role'], { role: 'authenticated' }, { authenticated: true }],
]

const uuid = '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11'
const SUBJECTS: readonly unknown[] = [
  ...['user_2abc', 'auth0|123', '1', uuid.slice(1), `${uuid}0`, ` ${uuid}`, `${uuid} `, `${uuid}\n`, `\n${uuid}`, `${uuid}\0`, `{${uuid}}`, `urn:uuid:${uuid}`, uuid.replaceAll('-', '')],
  ...[uuid.replace('6', 'g'), uuid.replaceAll('-', '_'), uuid.replace('6f', '６f'), `${uuid}' or true --`, `${uuid},${uuid}`, '*', '../../etc/passwd', 'me', [uuid], { id: uuid }, { toString: uuid }],
]

const TIMES: readonly Forgery[] = [
  claimed('exp', 'exp is long past', { exp: 1 }),
  claimed('exp', 'exp is past by more than clocks may differ', () => ({ exp: seconds() - 6 })),
  claimed('exp', 'exp is an hour past', () => ({ exp: seconds() - 3600 })),
  claimed('exp', 'exp is text', () => ({ exp: String(seconds() + 3600) })),
  claimed('exp', 'exp is a date', () => ({ exp: new Date(Date.now() + 3_600_000).toISOString() })),
  claimed('exp', 'exp is in a list', () => ({ exp: [seconds() + 3600] })),
  claimed('exp', 'exp is below 0', () => ({ exp: -seconds() })),
  claimed('nbf', 'nbf is in an hour', () => ({ nbf: seconds() + 3600 })),
  claimed('nbf', 'nbf is later than clocks may differ', () => ({ nbf: seconds() + 30 })),
  claimed('nbf', 'nbf is very far', { nbf: 1e300 }),
  claimed('nbf', 'nbf is after exp', () => ({ nbf: seconds() + 4000, exp: seconds() + 3600 })),
  ...(['1e999', '-1e999', '1e9999999'] as const).map(
    (exp): Forgery => ({ row: 'exp', name: `exp is ${exp}`, answer: 'invalid-token', authorization: (project) => `Bearer ${assemble(project.header, JSON.stringify(project.createClaims()).replace(/"exp":[0-9]+/, `"exp":${exp}`), project.sign)}` }),
  ),
]

/** The last of two members counts: a token of which that one is wrong is wrong. */
const TWICE: readonly Forgery[] = [
  ['iss', '"https://example.com"'],
  ['aud', '"anon"'],
  ['role', '"service_role"'],
  ['sub', '"me"'],
  ['exp', '1'],
].map(([name = '', value]): Forgery => ({
  row: name,
  name: `${name} twice, the last one wrong`,
  answer: 'invalid-token',
  authorization: (project) => `Bearer ${assemble(project.header, JSON.stringify(project.createClaims()).replace(/\}$/, `,"${name}":${value}}`), project.sign)}`,
}))

const onPrototype: Forgery = {
  row: 'role',
  name: 'claims under the name of a prototype',
  answer: 'invalid-token',
  authorization(project) {
    const { role, ...claims } = project.createClaims()
    return `Bearer ${assemble(project.header, JSON.stringify(claims).replace(/\}$/, `,"__proto__":{"role":${JSON.stringify(role)}}}`), project.sign)}`
  },
}

const OTHER_TOKENS: readonly Forgery[] = [
  claimed('ID tokens', 'an ID token', { aud: randomUUID(), role: undefined, nonce: 'abc', auth_time: 1, at_hash: 'abc' }),
  claimed('ID tokens', 'an ID token with a session', { aud: randomUUID(), role: undefined, email: 'a@example.com' }),
  claimed('ID tokens', 'an ID token whose client calls itself authenticated', { aud: 'authenticated', role: undefined, nonce: 'abc' }),
  claimed('API keys', 'a user without a sub, as an API key', { sub: undefined, role: 'service_role' }),
  ...['anon', 'service_role', 'authenticated'].flatMap((role): Forgery[] => {
    const key = (name: string, more: (project: Project) => Claims, projects: readonly ProjectAlgorithm[] = ['HS256', 'ES256', 'RS256']): Forgery => ({
      row: 'API keys',
      name: `a legacy key of ${role} ${name}`,
      projects,
      answer: 'invalid-token',
      authorization: (project) => `Bearer ${assemble(project.header, { iss: 'supabase', ref: 'abcdefghijklmnopqrst', role, iat: seconds(), exp: seconds() + 315_360_000, ...more(project) }, project.sign)}`,
    })
    return [key('as it is', () => ({})), key('with our issuer', ({ issuer }) => ({ iss: issuer })), key('with our issuer and audience', ({ issuer }) => ({ iss: issuer, aud: 'authenticated' })), key('with a sub', () => ({ sub: uuid, aud: 'authenticated' }))]
  }),
  ...['sb_publishable_ACJWlzQHlZjBrEguHvfOxg_3BJgxAaH', 'sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz', 'sb_publishable_', 'sb_secret_x', 'sb_secret_x.y.z', 'sb_temp_x', 'sbp_0123456789abcdef'].map(
    (key): Forgery => ({ row: 'API keys', name: `the key ${key}`, answer: 'invalid-token', authorization: () => `Bearer ${key}` }),
  ),
]

/** Verified, and of a kind that this route does not admit. */
const FORBIDDEN: readonly Forgery[] = [
  claimed('anonymous users', 'an anonymous user', { is_anonymous: true }, 'forbidden'),
  claimed('anonymous users', 'an anonymous user of whom the metadata says otherwise', { is_anonymous: true, user_metadata: { is_anonymous: false }, app_metadata: { is_anonymous: false } }, 'forbidden'),
  claimed('OAuth clients', 'an OAuth client', { client_id: randomUUID(), scope: 'openid' }, 'forbidden'),
  claimed('OAuth clients', 'an OAuth client without a name', { client_id: '' }, 'forbidden'),
  claimed('OAuth clients', 'an OAuth client called authenticated', { client_id: 'authenticated' }, 'forbidden'),
  claimed('OAuth clients', 'an OAuth client of an anonymous user', { client_id: 'app', is_anonymous: true }, 'forbidden'),
  ...['true', 'false', '*', '__proto__', 'x'.repeat(500)].map((id) => claimed('OAuth clients', `the OAuth client ${id.slice(0, 20)}`, { client_id: id }, 'forbidden')),
]

export function listClaimForgeries(canary: string): readonly Forgery[] {
  return [
    ...listOdd(),
    ...ISSUERS.map(([what, change]) => claimed('iss', `an issuer ${what}`, ({ issuer }) => ({ iss: change(issuer) }))),
    claimed('iss', 'an issuer that would answer', { iss: `${canary}/auth/v1` }),
    ...AUDIENCES.map(([what, aud]) => claimed('aud', `an audience: ${what}`, { aud })),
    ...ROLES.map((role) => claimed('role', `the role ${show(role)}`, { role })),
    ...SUBJECTS.map((sub) => claimed('sub', `the sub ${show(sub)}`, { sub })),
    claimed('role', 'no role but in the metadata', { role: undefined, user_metadata: { role: 'authenticated' }, app_metadata: { role: 'authenticated' } }),
    claimed('sub', 'no sub but in the metadata', { sub: undefined, user_metadata: { sub: uuid }, app_metadata: { sub: uuid }, user_id: uuid }),
    ...TIMES,
    ...TWICE,
    onPrototype,
    ...OTHER_TOKENS,
    ...FORBIDDEN,
  ]
}
