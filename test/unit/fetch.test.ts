import { createGuard } from 'creditgate'
import { fetchCredits } from 'creditgate/fetch'
import { expect, it } from 'vitest'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { createScriptedLedger } from './scripted-ledger.ts'

it.each<[string, () => Response]>([
  ['an error response', () => Response.error()],
  ['a response whose body is being read', () => {
    const response = new Response('text')
    response.body?.getReader()
    return response
  }],
])('%s cannot be passed on, and is refunded at once', async (_what, answer) => {
  const user = { id: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', anonymous: false, clientId: undefined, claims: {} }
  const events: string[] = []
  const guard = createGuard({
    identity: { verify: () => Promise.resolve({ outcome: 'verified', user }) },
    ledger: {
      ...createScriptedLedger(),
      version: () => Promise.resolve({ version: SCHEMA_VERSION, creditTypes: ['ai', 'lead', 'skipTrace'] }),
      reserve: (requests) => Promise.resolve(requests.map(({ id, amounts }) => ({ id, outcome: 'reserved', subscription: 's', amounts, balances: {} }))),
      refund: (requests) => Promise.resolve(requests.map(({ id }) => ({ id, outcome: 'refunded' }))),
    },
    onEvent: (event) => events.push(event.type === 'settled' ? event.outcome : event.type),
  })
  await expect(fetchCredits(guard)('ai', 1)(answer)(new Request('http://localhost/', { method: 'POST', headers: { Authorization: 'Bearer a' } }))).rejects.toThrow()
  expect(events).toEqual(['reserved', 'refunded'])
})
