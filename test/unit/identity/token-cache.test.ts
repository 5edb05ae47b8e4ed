import { randomBytes, randomUUID } from 'node:crypto'
import { SignJWT } from 'jose'
import { LRUCache } from 'lru-cache'
import { afterEach, expect, it, vi } from 'vitest'
import { supabaseJwt } from '../../../src/identity/supabase-jwt.ts'

/** How many tokens are remembered, and what of them. For how long is told in supabase-jwt.test.ts. */

const url = 'https://abcdefghijklmnopqrst.supabase.co'
const secret = randomBytes(32).toString('hex')

const sign = (): Promise<string> =>
  new SignJWT({ role: 'authenticated' })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(`${url}/auth/v1`)
    .setAudience('authenticated')
    .setSubject(randomUUID())
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(secret))

afterEach(() => {
  vi.restoreAllMocks()
})

function open(cacheSize?: number) {
  const identity = supabaseJwt({ url, secret, clockToleranceSeconds: 0, ...(cacheSize !== undefined && { cacheSize }) })
  const checked = vi.spyOn(crypto.subtle, 'verify')
  return { verify: async (token: string) => (await identity.verify(token)).outcome, countChecks: () => checked.mock.calls.length }
}

it('so many are remembered, those used last; with 0 none', async () => {
  const { verify, countChecks } = open(2)
  const [first, second, third] = [await sign(), await sign(), await sign()]
  for (const token of [first, second, first, third, first]) await verify(token)
  expect(countChecks()).toBe(3)
  await verify(second)
  expect(countChecks()).toBe(4)

  const without = open(0)
  for (let count = 0; count < 3; count += 1) await without.verify(first)
  expect(without.countChecks()).toBe(4 + 3)
})

it('neither the token nor a part of it is kept', async () => {
  const kept = vi.spyOn(LRUCache.prototype, 'set')
  const { verify } = open()
  const token = await sign()
  await verify(token)
  expect(kept).toHaveBeenCalledOnce()
  const [, , signature = ''] = token.split('.')
  expect(JSON.stringify(kept.mock.calls)).not.toContain(signature.slice(0, 20))
  expect(String(kept.mock.calls[0]?.[0])).toHaveLength(32)
})
