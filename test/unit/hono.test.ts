import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { createGuard } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { Hono } from 'hono'
import { expect, it } from 'vitest'
import { createScriptedLedger } from './scripted-ledger.ts'

it('leaves a response to @hono/node-server as the handler made it, which is written without a stream', async () => {
  const user = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} }
  const guard = createGuard({
    identity: { verify: () => Promise.resolve({ outcome: 'verified', user }) },
    ledger: createScriptedLedger({
      reserve: { outcome: 'reserved', subscription: 's', amounts: { ai: 1 }, balances: { ai: { remaining: 5, resetsIn: null, resetsAt: null } } },
      commit: { outcome: 'committed', amounts: { ai: 1 } },
    }),
  })
  const looks: string[] = []
  const app = new Hono()
  app.post('/', honoCredits(guard)('ai', 1), (c) => {
    const response = c.text('the answer')
    return Object.defineProperty(response, 'body', { get: () => looks.push('its body') })
  })
  const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server
  try {
    if (!server.listening) await once(server, 'listening')
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { method: 'POST', headers: { Authorization: 'Bearer a' } })
    expect(await response.text()).toBe('the answer')
    expect(response.headers.get('Credits-Remaining')).toBe('ai=5')
    expect(looks).toEqual([])
    expect(await guard.close()).toBe(0)
  } finally {
    server.close()
  }
})
