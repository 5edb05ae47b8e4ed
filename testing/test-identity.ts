import type { Identity, User } from 'creditgate'

/** Who a token is for. */
export interface TestUser {
  /** The user's id, a UUID. */
  readonly user: string
  /** Signed in anonymously. Default false. */
  readonly anonymous?: boolean
  /** The third-party app that the token was issued to. Default: none, the user's own session. */
  readonly clientId?: string
}

export interface TestIdentity extends Identity {
  /** Makes a bearer token that this identity, and no other, accepts. */
  createToken(of: TestUser): string
}

/** An identity whose tokens are made by the test: no keys, no server. A token that it has not made is rejected. */
export function createTestIdentity(): TestIdentity {
  const users = new Map<string, User>()
  return Object.freeze({
    createToken({ user, anonymous = false, clientId }: TestUser) {
      const token = `test.${user}.${users.size}`
      users.set(token, Object.freeze({ id: user, anonymous, clientId, claims: Object.freeze({ sub: user, is_anonymous: anonymous, ...(clientId !== undefined && { client_id: clientId }) }) }))
      return token
    },
    verify(token: string) {
      const user = users.get(token)
      return Promise.resolve(user === undefined ? ({ outcome: 'rejected' } as const) : ({ outcome: 'verified', user } as const))
    },
  })
}
