/** Who is calling, as far as the guard needs to know. */
export interface User {
  /** The Supabase user's id, a UUID: the token's `sub`. */
  readonly id: string
  /** Signed in anonymously (`is_anonymous`). */
  readonly anonymous: boolean
  /** The third-party app the token was issued to by Supabase's OAuth server (`client_id`); undefined for the user's own session. */
  readonly clientId: string | undefined
  /** All verified claims. `user_metadata` is written by the user: decide nothing by it. */
  readonly claims: Readonly<Record<string, unknown>>
}

export type Verification =
  | { readonly outcome: 'verified'; readonly user: User }
  | { readonly outcome: 'rejected' }
  | { readonly outcome: 'unavailable'; readonly cause: unknown }

/** The port that turns a bearer token into a user. Never rejects for a bad token: that is an answer. */
export interface Identity {
  verify(token: string): Promise<Verification>
  /**
   * Takes claims that somebody else has verified already on the server, by the same rules but for the signature. An identity
   * without it has each token verified here.
   */
  accept?(claims: unknown): Verification
}
