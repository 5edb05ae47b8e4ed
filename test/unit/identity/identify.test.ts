import { describe, expect, it } from 'vitest'
import { identify, type Admits } from '../../../src/identity/identify.ts'
import type { Identity, User, Verification } from '../../../src/identity/identity.ts'

const user: User = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} }

/** An identity that gives one answer, and remembers what it was asked. */
function answering(verification: Verification): Identity & { readonly asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    verify(token) {
      asked.push(token)
      return Promise.resolve(verification)
    },
  }
}

it('gives the user of a verified token', async () => {
  const identity = answering({ outcome: 'verified', user })
  expect(await identify(identity, { authorization: 'Bearer abc' }, {})).toEqual({ outcome: 'identified', user })
  expect(identity.asked).toEqual(['abc'])
})

it.each([
  ['no header', undefined, 'unauthenticated', 401],
  ['another scheme', 'Basic abc', 'unauthenticated', 401],
  ['a doubled header', 'Bearer abc, Bearer def', 'invalid-request', 400],
] as const)('refuses %s without asking for a verification', async (_case, authorization, name, status) => {
  const identity = answering({ outcome: 'verified', user })
  expect(await identify(identity, { authorization }, {})).toMatchObject({ outcome: 'refused', problem: { name, status } })
  expect(identity.asked).toEqual([])
})

it("refuses a rejected token as the caller's fault", async () => {
  const refusal = await identify(answering({ outcome: 'rejected' }), { authorization: 'Bearer abc' }, {})
  expect(refusal).toMatchObject({ outcome: 'refused', problem: { name: 'invalid-token', status: 401 } })
})

it('refuses when the keys cannot be had, as our fault, and hands on the cause', async () => {
  const cause = new Error('no route to host')
  const refusal = await identify(answering({ outcome: 'unavailable', cause }), { authorization: 'Bearer abc' }, {})
  expect(refusal).toMatchObject({ outcome: 'refused', problem: { name: 'credits-unavailable', status: 503 }, cause })
})

describe("the policy for callers beyond a user's own session", () => {
  const anonymous = { ...user, anonymous: true }
  const app = { ...user, clientId: 'app-1' }
  const anonymousApp = { ...user, anonymous: true, clientId: 'app-1' }

  it.each<[string, User, Admits, 'identified' | 'refused']>([
    ['an anonymous user', anonymous, {}, 'refused'],
    ['an anonymous user, when the route says no', anonymous, { allowAnonymous: false }, 'refused'],
    ['an anonymous user, when the route admits apps only', anonymous, { allowOAuthClients: true }, 'refused'],
    ['an anonymous user, when the route says yes', anonymous, { allowAnonymous: true }, 'identified'],
    ['an OAuth client', app, {}, 'refused'],
    ['an OAuth client, when the route says no', app, { allowOAuthClients: false }, 'refused'],
    ['an OAuth client, when the route admits anonymous users only', app, { allowAnonymous: true }, 'refused'],
    ['an OAuth client, when the route admits all', app, { allowOAuthClients: true }, 'identified'],
    ['an OAuth client that is listed', app, { allowOAuthClients: ['app-0', 'app-1'] }, 'identified'],
    ['an OAuth client that is not listed', app, { allowOAuthClients: ['app-10', 'app'] }, 'refused'],
    ['an OAuth client, when the list is empty', app, { allowOAuthClients: [] }, 'refused'],
    ['an OAuth client without a name', { ...user, clientId: '' }, { allowOAuthClients: false }, 'refused'],
    ['both at once, when only one is admitted', anonymousApp, { allowAnonymous: true }, 'refused'],
    ['both at once, when both are admitted', anonymousApp, { allowAnonymous: true, allowOAuthClients: true }, 'identified'],
  ])('decides about %s', async (_case, caller, admits, outcome) => {
    const identification = await identify(answering({ outcome: 'verified', user: caller }), { authorization: 'Bearer abc' }, admits)
    expect(identification.outcome).toBe(outcome)
    expect(await identify({ ...answering({ outcome: 'rejected' }), accept: () => ({ outcome: 'verified', user: caller }) }, { authorization: undefined, claims: {} }, admits)).toEqual(identification)
    if (identification.outcome === 'refused') expect(identification.problem).toMatchObject({ name: 'forbidden', status: 403 })
  })
})

describe('claims that were verified in front of the guard', () => {
  const claims = { sub: user.id }
  const request = { authorization: 'Bearer abc', claims }

  it('are judged by the identity, and no token is asked for', async () => {
    const identity = answering({ outcome: 'rejected' })
    const seen: unknown[] = []
    const accept = (given: unknown): Verification => (seen.push(given), { outcome: 'verified', user })
    expect(await identify({ ...identity, accept }, request, {})).toEqual({ outcome: 'identified', user })
    expect([seen, identity.asked]).toEqual([[claims], []])
  })

  it('are 401 when they are not those of a user, whatever token there is', async () => {
    const identity: Identity = { ...answering({ outcome: 'verified', user }), accept: () => ({ outcome: 'rejected' }) }
    expect(await identify(identity, request, {})).toMatchObject({ outcome: 'refused', problem: { name: 'invalid-token', status: 401 } })
  })

  it('are nothing to an identity that takes tokens alone: the token is verified', async () => {
    const identity = answering({ outcome: 'verified', user })
    expect(await identify(identity, request, {})).toEqual({ outcome: 'identified', user })
    expect(identity.asked).toEqual(['abc'])
  })
})
