import { randomBytes } from 'node:crypto'
import { apiKey } from '@better-auth/api-key'
import { betterAuth } from 'better-auth'
import { getMigrations } from 'better-auth/db/migration'
import { ACCOUNTS, AMPLE, LIMITED_CREDITS } from '../../accounts.ts'
import { settled } from '../contender.ts'
import type { CreatePeer } from '../peer.ts'

const KEYS_AT_A_TIME = 20

/** A key for each account, whose `remaining` each verification counts down. Its rate limit, ten calls a day, is off. */
export const createPeer: CreatePeer = async ({ pool }) => {
  const auth = betterAuth({
    baseURL: 'http://127.0.0.1',
    secret: randomBytes(32).toString('hex'),
    database: pool,
    logger: { disabled: true },
    telemetry: { enabled: false },
    emailAndPassword: { enabled: true },
    plugins: [apiKey({ rateLimit: { enabled: false } })],
  })
  const { runMigrations } = await getMigrations(auth.options)
  await runMigrations()
  const { user } = await auth.api.signUpEmail({ body: { name: 'Bench', email: 'bench@example.com', password: randomBytes(16).toString('hex') } })

  const keys: string[] = []
  while (keys.length <= ACCOUNTS) {
    const count = Math.min(KEYS_AT_A_TIME, ACCOUNTS + 1 - keys.length)
    const limits = Array.from({ length: count }, (_, index) => (keys.length + index < ACCOUNTS ? AMPLE : LIMITED_CREDITS))
    keys.push(...(await Promise.all(limits.map(async (remaining) => (await auth.api.createApiKey({ body: { userId: user.id, remaining } })).key))))
  }
  return {
    reserve: async (account) => ((await auth.api.verifyApiKey({ body: { key: keys[account] as string } })).valid ? settled : undefined),
    close: () => Promise.resolve(),
  }
}
