import { APICallError } from 'ai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Guard, type GuardEvent } from 'creditgate'
import { CreditsDenied, meterModel, type CreditsFor, type MeterCallOptions, type ReservingGuardLike } from 'creditgate/ai'
import { answer, createModel, finish, SDKS, stream, text, type Part, type Script } from '../support/ai-sdk.ts'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** Models of the AI SDK that reserve and settle by themselves, on a real Postgres. One credit is one token, in and out, unless a test says otherwise. */

let auth: AuthServer
let database: Database
let guard: Guard
let reserving: ReservingGuardLike<'ai'>
let events: GuardEvent[] = []
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), onEvent: (event) => events.push(event) })
  reserving = guard
})
afterEach(async () => {
  expect(await guard.close()).toBe(0)
  await expectNoViolations(database)
  events = []
})
afterAll(async () => {
  await database.drop()
  await auth.close()
})

const perToken: CreditsFor = ({ totalTokens }) => totalTokens

describe.each(Object.entries(SDKS))('a metered call of %s', (_name, sdk) => {
  async function arrange({ allotted = 1000 }: { allotted?: number } = {}) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted })
    const bearer = `Bearer ${await auth.signToken({ sub: account.user })}`
    return { account, row, bearer, used: () => readUsed(database, row) }
  }

  const meterCall = (user: string, options: Partial<MeterCallOptions<'ai'>> = {}) =>
    meterModel({ guard: reserving, user, creditType: 'ai', creditsFor: perToken, maxOutputTokens: 50, onEvent: (event) => events.push(event), ...options })

  const find = (type: GuardEvent['type']) => events.filter((event) => event.type === type)
  const reservedAmounts = (): number[] => events.flatMap((event) => (event.type === 'reserved' ? [event.amounts['ai'] ?? NaN] : []))

  async function read(parts: AsyncIterable<Part>): Promise<string[]> {
    const types: string[] = []
    for await (const part of parts) types.push(part.type)
    return types
  }

  it('reserves the upper bound, commits the usage of a generated text, and gives the rest back', async () => {
    const { account, used } = await arrange()
    const { model, facts } = createModel(sdk, { generate: [answer(7, 5)] })
    let during: number | undefined
    const wrapped = sdk.wrap(model, meterCall(account.user, { creditsFor: perToken }))
    const original = (model as { doGenerate: (parameters: object) => Promise<object> }).doGenerate
    Object.assign(model, { doGenerate: async (parameters: object) => ((during = await used()), original(parameters)) })
    const { text: said } = await sdk.generateText({ model: wrapped, prompt: 'Hi' })
    expect(said).toBe('Hello')
    const bytes = reservedAmounts()[0] as number
    expect(during).toBe(bytes)
    // The prompt's bytes as JSON, and the fifty of the option, which the model was told as well.
    expect(bytes).toBeGreaterThan(50 + 'Hi'.length)
    expect(bytes).toBeLessThan(50 + 120)
    expect(facts.parameters[0]?.maxOutputTokens).toBe(50)
    expect(await used()).toBe(12)
  })

  it('commits the usage of a stream, before the stream has closed', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('Hel'), text('lo'), { type: 'text-end', id: '1' }, finish(9, 4)) })
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }], maxOutputTokens: 20 })
    const reader = parts.getReader()
    for (let part = await reader.read(); !part.done; part = await reader.read()) if (part.value.type === 'text-delta') expect(await used()).toBe(reservedAmounts()[0])
    expect(await used()).toBe(13)
    expect(find('settled')).toMatchObject([{ outcome: 'committed', amounts: { ai: 13 } }])
  })

  it('passes the parts of a stream through, all and in order', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('Hel'), text('lo'), { type: 'text-end', id: '1' }, finish(9, 4)) })
    let said = ''
    for await (const delta of sdk.streamText({ model: sdk.wrap(model, meterCall(account.user)), prompt: 'Hi' }).textStream) said += delta
    expect(said).toBe('Hello')
    expect(await used()).toBe(13)
  })

  it('a stream that is cancelled commits what was delivered', async () => {
    const { account, used } = await arrange()
    const { model, facts } = createModel(sdk, { stream: stream(text('a'.repeat(40)), text('b'.repeat(40)), 'hang', finish(9, 40)) })
    const prompt = [{ role: 'user', content: [{ type: 'text', text: 'c'.repeat(100) }] }]
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt, maxOutputTokens: 100 })
    const reader = parts.getReader()
    for (let read = 0; read < 4; read += 1) await reader.read()
    await reader.cancel('gone')
    expect(facts.cancelled).toBe('gone')
    // A quarter of the 80 bytes that were delivered, and of the prompt's: 100 and what JSON puts around them.
    const charged = (await used()) as number
    expect(charged).toBeGreaterThanOrEqual(20 + 25)
    expect(charged).toBeLessThan(20 + 50)
    expect(find('settled')).toMatchObject([{ outcome: 'committed', amounts: { ai: charged } }])
  })

  it('a stream that is cancelled before any text is refunded', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream('hang') })
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt: [], maxOutputTokens: 100 })
    const reader = parts.getReader()
    await reader.read()
    await reader.cancel()
    expect(await used()).toBe(0)
    expect(find('settled')).toMatchObject([{ outcome: 'refunded' }])
  })

  it('an abort settles at once what was delivered, also when the model does not heed it', async () => {
    const { account, used } = await arrange()
    const { model, facts } = createModel(sdk, { stream: stream(text('a'.repeat(400)), 'hang') })
    const leaving = new AbortController()
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt: [], maxOutputTokens: 60, abortSignal: leaving.signal })
    const reader = parts.getReader()
    for (let read = 0; read < 3; read += 1) await reader.read()
    const waiting = reader.read()
    leaving.abort(new Error('left'))
    await expect(waiting).rejects.toThrow('left')
    expect(facts.cancelled).toMatchObject({ message: 'left' })
    // Capped at the call's 60 output tokens, though 400 bytes would be a hundred.
    await expect.poll(used).toBeLessThan(60 + 10)
    expect(await used()).toBeGreaterThanOrEqual(60)
  })

  it('a caller who left while credits were being reserved gets no model call and no charge', async () => {
    const { account, used } = await arrange()
    const { model, facts } = createModel(sdk, { generate: [answer(1, 1)], stream: stream(finish(1, 1)) })
    const leaving = new AbortController()
    const slow: ReservingGuardLike<'ai'> = {
      reserve: async (...request: [string, 'ai', number]) => {
        const admission = await reserving.reserve(...request)
        leaving.abort(new Error('left'))
        return admission
      },
    }
    const wrapped = sdk.wrap(model, meterCall(account.user, { guard: slow }))
    await expect(wrapped.doStream({ prompt: [], maxOutputTokens: 10, abortSignal: leaving.signal })).rejects.toThrow('left')
    expect(facts.calls).toBe(0)
    expect(await used()).toBe(0)
  })

  it('a model that fails is refunded, and its error is passed on unchanged', async () => {
    const { account, used } = await arrange()
    const failure = new Error('overloaded')
    const { model } = createModel(sdk, { generate: [failure] })
    const { model: refusing } = createModel(sdk, {})
    Object.assign(refusing, { doStream: () => Promise.reject(failure) })
    await expect(sdk.generateText({ model: sdk.wrap(model, meterCall(account.user)), prompt: 'Hi', maxRetries: 0 })).rejects.toBe(failure)
    await expect(sdk.wrap(refusing, meterCall(account.user)).doStream({ prompt: [], maxOutputTokens: 9 })).rejects.toBe(failure)
    expect(find('settled')).toMatchObject([{ outcome: 'refunded' }, { outcome: 'refunded' }])
    expect(await used()).toBe(0)
  })

  it.each<[string, Script]>([
    ['breaks', [new Error('broken')]],
    ['says that it failed, and closes', [{ type: 'error', error: new Error('broken') }]],
    ['says that it failed, and finishes with a usage', [{ type: 'error', error: new Error('broken') }, finish(30, 30)]],
    ['closes without having finished', []],
  ])('a model that %s in mid-stream is charged what was delivered', async (_how, rest) => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('a'.repeat(40)), ...rest) })
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt: [], maxOutputTokens: 50 })
    await read(parts as unknown as AsyncIterable<Part>).catch(() => undefined)
    const charged = (await used()) as number
    expect(charged).toBeGreaterThanOrEqual(10)
    expect(charged).toBeLessThan(10 + 10)
  })

  it('a stream that breaks before any text is refunded', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(new Error('broken')) })
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user)).doStream({ prompt: [], maxOutputTokens: 9 })
    await expect(read(parts as unknown as AsyncIterable<Part>)).rejects.toThrow('broken')
    expect(find('settled')).toMatchObject([{ outcome: 'refunded' }])
    expect(await used()).toBe(0)
  })

  it('without enough credits the call rejects with the problem, and the model is not called', async () => {
    const { account, used } = await arrange({ allotted: 40 })
    const { model, facts } = createModel(sdk, { generate: [answer(1, 1)], stream: stream(finish(1, 1)) })
    const wrapped = sdk.wrap(model, meterCall(account.user))
    const error: unknown = await sdk.generateText({ model: wrapped, prompt: 'Hi' }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(CreditsDenied)
    expect((error as CreditsDenied).problem).toMatchObject({ status: 402, name: 'insufficient-credits', body: { creditType: 'ai', available: 40 } })
    const told: unknown[] = []
    await read(sdk.streamText({ model: wrapped, prompt: 'Hi', onError: (event: { error: unknown }) => void told.push(event.error) }).fullStream)
    expect(told).toEqual([expect.any(CreditsDenied)])
    expect(facts.calls).toBe(0)
    expect(await used()).toBe(0)
  })

  it('a refusal that comes after a retry is found in what the SDK throws', async () => {
    const { account, used } = await arrange({ allotted: 1000 })
    const overloaded = new APICallError({ message: 'overloaded', url: '', requestBodyValues: {}, statusCode: 503, isRetryable: true, responseHeaders: { 'retry-after-ms': '1' } })
    const { model, facts } = createModel(sdk, { generate: [overloaded, answer(1, 1)] })
    let asked = 0
    const poorer: ReservingGuardLike<'ai'> = { reserve: (user: string, type: 'ai', amount: number) => reserving.reserve(user, type, (asked += 1) === 1 ? amount : 100_000) }
    const error: unknown = await sdk.generateText({ model: sdk.wrap(model, meterCall(account.user, { guard: poorer })), prompt: 'Hi' }).catch((caught: unknown) => caught)
    expect(error).not.toBeInstanceOf(CreditsDenied)
    expect(CreditsDenied.find(error)?.problem.status).toBe(402)
    expect([facts.calls, await used()]).toEqual([1, 0])
  })

  it('usage above the bound is clamped to what was reserved, with an overage event', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(5000, 5000)] })
    await sdk.generateText({ model: sdk.wrap(model, meterCall(account.user)), prompt: 'Hi' })
    const [reserved] = reservedAmounts()
    expect(await used()).toBe(reserved)
    expect(find('overage')).toMatchObject([{ actual: { ai: 10_000 }, charged: { ai: reserved } }])
  })

  it.each([
    ['charge-reserved', (): number => reservedAmounts()[0] ?? NaN],
    ['refund', (): number => 0],
  ] as const)('a provider that reports no usage: %s', async (onMissingUsage, expected) => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(undefined, 5)], stream: stream(text('Hello'), finish(undefined, undefined)) })
    const wrapped = sdk.wrap(model, meterCall(account.user, { onMissingUsage }))
    await sdk.generateText({ model: wrapped, prompt: 'Hi' })
    expect(await used()).toBe(expected())
    await read(sdk.streamText({ model: wrapped, prompt: 'Hi' }).fullStream)
    expect(await used()).toBe(expected() * 2)
  })

  it.each<[string, (usage: { totalTokens: number }) => number]>([
    ['a fraction', ({ totalTokens }) => (totalTokens === 12 ? 1.5 : 100)],
    ['NaN', ({ totalTokens }) => (totalTokens === 12 ? NaN : 100)],
    ['less than nothing', ({ totalTokens }) => (totalTokens === 12 ? -1 : 100)],
    [
      'an exception',
      ({ totalTokens }) => {
        if (totalTokens === 12) throw new Error('no price')
        return 100
      },
    ],
  ])('a price that is %s charges what was reserved, and is told as a fault', async (_what, creditsFor) => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(7, 5)] })
    await sdk.generateText({ model: sdk.wrap(model, meterCall(account.user, { creditsFor })), prompt: 'Hi' })
    expect(await used()).toBe(100)
    expect(find('fault')).toEqual([{ type: 'fault', creditTypes: ['ai'], error: expect.any(TypeError) as TypeError }])
  })

  it('a stream whose price cannot be told is charged what was reserved also when it is cut, and tells so once', async () => {
    const { account, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('one'), text('two'), 'hang') })
    let asked = 0
    const creditsFor: CreditsFor = () => ((asked += 1) <= 4 ? 70 : NaN) // the bound is asked four times
    const { stream: parts } = await sdk.wrap(model, meterCall(account.user, { creditsFor })).doStream({ prompt: [], maxOutputTokens: 9 })
    const reader = parts.getReader()
    for (let read = 0; read < 4; read += 1) await reader.read()
    await reader.cancel()
    expect(await used()).toBe(70)
    expect(find('fault')).toHaveLength(1)
  })

  it('a price that is wrong at the upper bound rejects before anything is reserved or called', async () => {
    const { account } = await arrange()
    const { model, facts } = createModel(sdk, { generate: [answer(1, 1)] })
    await expect(sdk.generateText({ model: sdk.wrap(model, meterCall(account.user, { creditsFor: () => NaN })), prompt: 'Hi' })).rejects.toThrow(/whole number/)
    expect([facts.calls, find('reserved')]).toEqual([0, []])
  })

  it('calls in parallel on one balance never oversell', async () => {
    const { account, used } = await arrange({ allotted: 250 })
    const { model, facts } = createModel(sdk, { generate: Array.from({ length: 12 }, () => answer(60, 40)) })
    const wrapped = sdk.wrap(model, meterCall(account.user, { creditsFor: ({ totalTokens }) => Math.min(totalTokens, 100) }))
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => sdk.generateText({ model: wrapped, prompt: 'x'.repeat(60) })))
    const denied = outcomes.filter((outcome) => outcome.status === 'rejected' && outcome.reason instanceof CreditsDenied)
    expect([facts.calls, denied.length, await used()]).toEqual([2, 10, 200])
  })
})
