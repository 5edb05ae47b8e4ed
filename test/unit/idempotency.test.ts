import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import type { GuardRequest } from '../../src/admission.ts'
import { readIdempotency as readKeyed, type IdempotencyMode } from '../../src/idempotency.ts'

const request = (overrides: Partial<GuardRequest<object>> & { body?: Uint8Array | string; route?: string; url?: string } = {}): GuardRequest<object> => {
  const { body, route = '/leads/:id', url = '/leads/1?rows=5', ...rest } = overrides
  return { method: 'POST', authorization: undefined, context: {}, idempotencyKey: 'key-1', describe: () => ({ route, url, body }), ...rest }
}

const readIdempotency = (given: GuardRequest<object>, mode: IdempotencyMode, creditType = 'ai') => readKeyed(given, { mode, creditTypes: [creditType] })

async function read(given: GuardRequest<object>, creditType = 'ai') {
  const keyed = await readIdempotency(given, 'optional', creditType)
  if (keyed.outcome === 'refused' || keyed.idempotency === undefined) expect.fail('not keyed')
  return keyed.idempotency
}

describe('a key', () => {
  it.each<[string, Parameters<typeof request>[0]]>([
    ['another key', { idempotencyKey: 'key-2' }],
    ['another route', { route: '/exports/:id' }],
    ['another method', { method: 'PUT' }],
  ])('is another one with %s', async (_what, overrides) => {
    expect((await read(request(overrides))).key).not.toBe((await read(request())).key)
  })

  it('is another one for another credit type, since a route may require several', async () => {
    expect((await read(request(), 'lead')).key).not.toBe((await read(request())).key)
  })

  it.each<[string, Parameters<typeof request>[0]]>([
    ['another path', { url: '/leads/2?rows=5' }],
    ['another query', { url: '/leads/1?rows=6' }],
    ['another body', { body: '{"rows":6}' }],
  ])('is the same one with %s, and its fingerprint is another', async (_what, overrides) => {
    const [first, second] = [await read(request()), await read(request(overrides))]
    expect(second.key).toBe(first.key)
    expect(second.fingerprint).not.toBe(first.fingerprint)
  })

  it('has the same fingerprint for the same request, whether its body is text or bytes', async () => {
    expect(await read(request({ body: 'ü' }))).toEqual(await read(request({ body: new TextEncoder().encode('ü') })))
  })

  it('and its fingerprint are digests: nothing of the request is in them', async () => {
    const { key, fingerprint } = await read(request({ idempotencyKey: 'secret', body: 'secret' }))
    expect(key).toMatch(/^[0-9a-f]{64}$/)
    expect(fingerprint).toMatch(/^[0-9a-f]{64}$/)
  })

  it.each(['', ' ', 'a b', 'a, b', 'a\tb', 'ü', 'k'.repeat(256), '\0'])('that is malformed is 400: %o', async (idempotencyKey) => {
    expect(await readIdempotency(request({ idempotencyKey }), 'optional')).toMatchObject({ outcome: 'refused', problem: { status: 400, name: 'invalid-request' } })
  })

  it('is taken or refused, whatever its bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), async (idempotencyKey) => {
        const { outcome } = await readIdempotency(request({ idempotencyKey }), 'optional')
        expect(outcome).toBe(/^[!-~]{1,255}$/.test(idempotencyKey) ? 'keyed' : 'refused')
      }),
    )
  })
})

describe('without a key', () => {
  it('nothing is asked of the request', async () => {
    const describe = vi.fn()
    expect(await readIdempotency(request({ idempotencyKey: undefined, describe }), 'optional')).toEqual({ outcome: 'keyed', idempotency: undefined })
    expect(describe).not.toHaveBeenCalled()
  })

  it('a route that requires one is 400, and says so', async () => {
    expect(await readIdempotency(request({ idempotencyKey: undefined }), 'required')).toMatchObject({
      outcome: 'refused',
      problem: { status: 400, body: { detail: 'This request must carry an Idempotency-Key header.' } },
    })
  })
})

it('means nothing on a route that has it off, malformed or not', async () => {
  expect(await readIdempotency(request({ idempotencyKey: 'a b' }), 'off')).toEqual({ outcome: 'keyed', idempotency: undefined })
})

it('counts for the method alone where the host describes nothing', async () => {
  expect(await readIdempotency(request({ describe: undefined }), 'required')).toMatchObject({ outcome: 'keyed', idempotency: {} })
})
