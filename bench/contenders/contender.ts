/** Ends what was reserved. */
export type Settle = () => Promise<void>

/** One way to meter a paid call, ready to be called. */
export interface Contender {
  /** Takes one credit of an account. Undefined: refused. */
  reserve(account: number): Promise<Settle | undefined>
  close(): Promise<void>
}

/** In the order of the tables. */
export const CONTENDERS = {
  creditgateSupabase: 'creditgate, supabase-js',
  rpcSupabase: 'one RPC a call, supabase-js',
  readCheckUpdate: 'read, check, update by hand, supabase-js',
  creditgatePg: 'creditgate, pg',
  rpcPg: 'one RPC a call, pg',
  rateLimiter: 'rate-limiter-flexible, pg: consume',
  betterAuth: 'better-auth api-key, pg: verifyApiKey',
  guardedUpdate: 'bare guarded update, pg',
} as const

export type ContenderName = keyof typeof CONTENDERS

/** Of a contender whose single call is the whole charge. */
export const settled: Settle = () => Promise.resolve()
