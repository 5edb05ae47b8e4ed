import { createClient } from '@supabase/supabase-js'
import { describe, expect, it, vi } from 'vitest'
import { supabaseLedger, type SupabaseClientLike } from '../../../src/ledger/supabase-ledger.ts'
import type { Ledger } from '../../../src/ledger/ledger.ts'

/** The real supabase-js, over a network that says what the case says. */
function ledgerOver(fetch: typeof globalThis.fetch): Ledger {
  const options = { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: Object as never }, global: { fetch } }
  return supabaseLedger(createClient('http://127.0.0.1:1', 'sb_secret_test', options))
}
const answering = (status: number, body: string | null, contentType = 'application/json'): Ledger =>
  ledgerOver(() => Promise.resolve(new Response(body, { status, headers: { 'content-type': contentType } })))

const id = '0198f6b4-0000-7000-8000-000000000000'
const refunded = { id, outcome: 'refunded' }
const error = (code: string): string => JSON.stringify({ code, message: 'm', details: null, hint: null })

it('posts the requests to the function and reads its answer', async () => {
  const fetch = vi.fn<typeof globalThis.fetch>().mockResolvedValue(new Response(JSON.stringify([refunded])))
  expect(await ledgerOver(fetch).refund([{ id, user: 'u' }])).toEqual([refunded])
  const [url, init] = fetch.mock.calls[0] ?? []
  expect([url, init?.method, init?.body]).toEqual(['http://127.0.0.1:1/rest/v1/rpc/creditgate_refund', 'POST', JSON.stringify({ requests: [{ id, user: 'u' }] })])
})

it('asks for the version without an argument', async () => {
  expect(await answering(200, '{"version":1,"creditTypes":["ai"]}').version()).toEqual({ version: 1, creditTypes: ['ai'] })
})

describe('what the Data API says is', () => {
  it.each<[string, number, string]>([
    ['not executed: the database cannot be reached', 503, 'PGRST000'],
    ['not executed: the connection is lost', 503, 'PGRST001'],
    ['not executed: the schema cache is not loaded', 503, 'PGRST002'],
    ['not executed: the pool is exhausted', 504, 'PGRST003'],
    ['not executed: our own key is refused for a moment', 401, 'PGRST303'],
    ['not executed: a deadlock', 500, '40P01'],
    ['not executed: a lock timeout', 500, '55P03'],
    ['not executed: a statement timeout', 500, '57014'],
    ['not executed: too many connections', 503, '53300'],
    ['set-up: a missing function', 404, 'PGRST202'],
    ['set-up: a missing grant', 403, '42501'],
    ['set-up: a schema that is not exposed', 406, 'PGRST106'],
    ['unknown: a code that is not listed', 500, 'XX000'],
    ['unknown: a broken connection', 503, '08006'],
  ])('%s (%i %s)', async (kind, status, code) => {
    await expect(answering(status, error(code)).refund([{ id }])).rejects.toMatchObject({ name: 'LedgerFault', kind: kind.split(':')[0]?.replace(' ', '-'), code })
  })

  it.each<[string, number, string | null, string?]>([
    ['an empty 200', 200, ''],
    ['a 204', 204, null],
    ['an empty 404, which supabase-js takes for success', 404, ''],
    ['null', 200, 'null'],
    ['HTML from a gateway', 502, '<html><body>Bad Gateway</body></html>', 'text/html'],
    ['HTML with a 200', 200, '<html><body>Sign in</body></html>', 'text/html'],
    ['half an answer', 200, `[{"id":"${id}","outco`],
    ['a list too short', 200, '[]'],
    ["another reservation's answer", 200, '[{"id":"x","outcome":"refunded"}]'],
    ['a field too few', 200, `[{"id":"${id}","outcome":"committed"}]`],
    ['an error without a code', 500, '{"message":"m"}'],
    ['an error that is a list', 400, '[]'],
  ])('unknown: %s', async (_case, status, body, contentType) => {
    await expect(answering(status, body, contentType).refund([{ id }])).rejects.toMatchObject({ name: 'LedgerFault', kind: 'unknown' })
  })

  it('unknown when the network fails', async () => {
    await expect(ledgerOver(() => Promise.reject(new TypeError('fetch failed'))).refund([{ id }])).rejects.toMatchObject({ name: 'LedgerFault', kind: 'unknown', message: expect.stringContaining('fetch failed') as string })
  })
})

it('stops waiting when the signal fires', async () => {
  const ledger = ledgerOver((_input, init) => new Promise((_resolve, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal?.reason as Error))))
  await expect(ledger.refund([{ id }], AbortSignal.timeout(20))).rejects.toMatchObject({ name: 'LedgerFault', kind: 'unknown' })
})

it('sends each call once: retries are for whoever knows the id', async () => {
  const fetch = vi.fn<typeof globalThis.fetch>().mockResolvedValue(new Response('', { status: 503 }))
  await expect(ledgerOver(fetch).refund([{ id }])).rejects.toMatchObject({ kind: 'unknown' })
  expect(fetch).toHaveBeenCalledTimes(1)
})

it('works with a client that knows no signals', async () => {
  const client: SupabaseClientLike = { rpc: () => Promise.resolve({ data: [refunded], error: null }) }
  expect(await supabaseLedger(client).refund([{ id }], AbortSignal.timeout(1000))).toEqual([refunded])
})

it.each([{ data: null, error: null }, { data: undefined, error: null }])('takes %o for no answer', async (result) => {
  await expect(supabaseLedger({ rpc: () => Promise.resolve(result) }).refund([{ id }])).rejects.toMatchObject({ kind: 'unknown', code: 'empty-answer' })
})

it.each([undefined, null, {}, 'https://abc.supabase.co'])('refuses %o for a client', (client) => {
  expect(() => supabaseLedger(client as SupabaseClientLike)).toThrow(TypeError)
  expect(() => supabaseLedger(client as SupabaseClientLike)).toThrow(/createClient\(url, secretKey\)/)
})
