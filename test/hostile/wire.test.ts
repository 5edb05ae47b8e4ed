import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { expectNoViolations } from '../support/seed.ts'
import { HOST_NAMES, NOTHING, openPaidRoute, problem, type HostName, type PaidRoute, type SendOptions } from './paid-route.ts'
import { sendRaw } from './raw-request.ts'

/** What a request may look like on the wire: nothing but its own header says who it is from, and nothing is read in two ways. */

let route: PaidRoute
beforeAll(async () => {
  route = await openPaidRoute()
})
afterEach(async () => {
  route.setAmount(() => 1)
  await expectNoViolations(route.database)
})
afterAll(() => route.close())

describe('a token anywhere but in the Authorization header', () => {
  const token = (): string => route.authorization.replace('Bearer ', '')
  const names = ['X-Authorization', 'Proxy-Authorization', 'X-Forwarded-Authorization', 'Authentication', 'X-Auth-Token', 'X-Supabase-Auth', 'apikey', 'X-Api-Key', 'X-Original-Authorization', 'Sec-WebSocket-Protocol']
  const claims = JSON.stringify({ sub: '6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', role: 'authenticated' })

  it.each<[string, () => SendOptions]>([
    ...names.flatMap((name): [string, () => SendOptions][] => [
      [`the header ${name}`, () => ({ headers: { [name]: route.authorization } })],
      [`the header ${name}, without its scheme`, () => ({ headers: { [name]: token() } })],
    ]),
    ...['sb-access-token', 'sb-abcdefghijklmnopqrst-auth-token', 'access_token'].map((name): [string, () => SendOptions] => [`the cookie ${name}`, () => ({ headers: { cookie: `${name}=${token()}` } })]),
    ...['access_token', 'token', 'authorization', 'apikey', 'jwt'].flatMap((name): [string, () => SendOptions][] => [
      [`the query's ${name}`, () => ({ query: `?${name}=${encodeURIComponent(route.authorization)}` })],
      [`the query's ${name}, without its scheme`, () => ({ query: `?${name}=${encodeURIComponent(token())}` })],
    ]),
    ['the body', () => ({ headers: { 'content-type': 'application/json' }, body: JSON.stringify({ access_token: token(), authorization: route.authorization }) })],
    ...['X-User-Id', 'X-Jwt-Claims', 'X-Supabase-Context', 'X-Forwarded-User', 'Request.Jwt.Claims', 'X-Amzn-Oidc-Data', 'supabaseContext', 'claims'].map((name): [string, () => SendOptions] => [`claims in the header ${name}`, () => ({ headers: { [name]: claims } })]),
    ['claims in the query', () => ({ query: `?claims=${encodeURIComponent(claims)}&supabaseContext[jwtClaims][sub]=x&__proto__[claims]=x` })],
    ['claims in the body', () => ({ headers: { 'content-type': 'application/json' }, body: `{"claims":${claims},"__proto__":{"claims":${claims}},"supabaseContext":{"jwtClaims":${claims}}}` })],
    ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].flatMap((name) => ['HEAD', 'OPTIONS'].map((method): [string, () => SendOptions] => [`nowhere, and ${name}: ${method}`, () => ({ headers: { [name]: method } })])),
    ['nowhere, and _method in the query', () => ({ query: '?_method=HEAD' })],
  ])('is none: in %s', async (_case, make) => {
    expect(
      await route.count(async () => {
        for (const host of HOST_NAMES) {
          const request = make()
          expect([host, await route.send(host, { ...request, headers: { ...request.headers, authorization: '' } })]).toEqual([host, problem(401, 'unauthenticated')])
        }
      }),
    ).toEqual(NOTHING)
  })
})

describe('a request that two servers would read in two ways', () => {
  const head = (...lines: string[]): string => ['POST /paid HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n')
  const good = (): string => `Authorization: ${route.authorization}`

  it.each<[string, () => string, number]>([
    ['a line folded', () => head(good().replace(' ', '\r\n '), 'Content-Length: 0'), 400],
    ['a blank before the colon', () => head(good().replace(':', ' :'), 'Content-Length: 0'), 400],
    ['a zero byte in a header', () => head(`${good()}\0`, 'Content-Length: 0'), 400],
    ['a line break without its return', () => head(`X: a\n${good()}`, 'Content-Length: 0'), 400],
    ['two lengths', () => head(good(), 'Content-Length: 0', 'Content-Length: 5'), 400],
    ['a length and chunks', () => `${head(good(), 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400],
    ['a length that is none', () => head(good(), 'Content-Length: +0'), 400],
    ['chunks that are not the last coding', () => head(good(), 'Transfer-Encoding: chunked, gzip'), 400],
    ['a method in lower case', () => head(good(), 'Content-Length: 0').replace('POST', 'head'), 400],
    ['headers of 20 KB', () => head(good(), `X: ${'x'.repeat(20_000)}`, 'Content-Length: 0'), 431],
    ['a token of 20 KB', () => head(`Authorization: Bearer ${'x'.repeat(20_000)}`, 'Content-Length: 0'), 431],
  ])('is not taken at all: %s', async (_case, bytes, status) => {
    expect(
      await route.count(async () => {
        for (const host of HOST_NAMES) expect([host, await sendRaw(route.getPort(host), bytes())]).toEqual([host, status])
      }),
    ).toEqual(NOTHING)
  })

  const DOUBLED: readonly [string, () => string[]][] = [
    ['the same twice', () => [good(), good()]],
    ['a good one and a bad one', () => [good(), 'Authorization: Bearer e30.e30.AAAA']],
    ['a bad one and a good one', () => ['Authorization: Bearer e30.e30.AAAA', good()]],
    ['a good one and another scheme', () => [good(), 'Authorization: Basic YTpi']],
    ['two spellings of the name', () => [good(), good().replace('A', 'a')]],
  ]
  const expectDoubledRefused = async (host: HostName, lines: string[]): Promise<void> =>
    expect(await route.count(async () => expect(await sendRaw(route.getPort(host), head(...lines, 'Content-Length: 0'))).toBe(400))).toEqual(NOTHING)

  it.each(DOUBLED)('is 400 with two Authorization headers on Hono: %s', (_case, lines) => expectDoubledRefused('Hono', lines()))

  // Node keeps the first of them in `req.headers`, and all in `req.headersDistinct`.
  it.each(DOUBLED)('is 400 with two Authorization headers on Express: %s', (_case, lines) => expectDoubledRefused('Express', lines()))
})

describe('HEAD and OPTIONS', () => {
  it.each(['HEAD', 'OPTIONS'])('%s is free, whatever comes with it: no row, no amount, no key', async (method) => {
    route.setAmount(() => expect.fail('asked'))
    const { rows } = await route.count(async () => {
      for (const host of HOST_NAMES) {
        for (const headers of [{ authorization: '' }, {}, { authorization: 'Bearer e30.e30.AAAA' }, { 'Idempotency-Key': 'a' }]) {
          expect([host, (await route.send(host, { method, headers })).status]).toEqual([host, 200])
        }
      }
    })
    expect(rows).toBe(0)
  })

  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'QUERY', 'PROPFIND', 'TRACE', 'CONNECT', 'head', 'Head', 'options', 'HEAD ', ' HEAD', 'HEAD\0', 'HEADS', '', 'HEAD,POST'])('is not what %j is', async (method) => {
    expect(await route.admit({ method, authorization: undefined })).toMatchObject({ outcome: 'denied', problem: { name: 'unauthenticated' } })
  })
})

it('none of all that is a fault of ours', () => {
  const faults = route.events.filter(({ type }) => type === 'fault')
  expect([route.events.length > 0, faults]).toEqual([true, []])
})
