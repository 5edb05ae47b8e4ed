import { jsonSchema, stepCountIs, tool } from 'ai'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createGuard, postgresLedger, supabaseJwt, type Guard, type GuardEvent } from 'creditgate'
import { meterModel, type CreditsFor, type MeterRouteOptions } from 'creditgate/ai'
import { fetchCredits } from 'creditgate/fetch'
import { answer, createModel, finish, SDKS, stream, text } from '../support/ai-sdk.ts'
import { startAuthServer, type AuthServer } from '../support/auth-server.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** Models of the AI SDK in a guarded route, which settles by what they state, on a real Postgres. One credit is one token, in and out, unless a test says otherwise. */

let auth: AuthServer
let database: Database
let guard: Guard
let events: GuardEvent[] = []
beforeAll(async () => {
  auth = await startAuthServer()
  database = await createDatabase()
  guard = createGuard({ identity: supabaseJwt({ url: auth.url }), ledger: postgresLedger(database.pool), onEvent: (event) => events.push(event) })
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

describe.each(Object.entries(SDKS))('models of %s in a guarded route', (_name, sdk) => {
  async function arrange({ allotted = 1000 }: { allotted?: number } = {}) {
    const account = await createAccount(database)
    const row = await addCredits(database, account, { allotted })
    const bearer = `Bearer ${await auth.signToken({ sub: account.user })}`
    return { account, row, bearer, used: () => readUsed(database, row) }
  }

  const find = (type: GuardEvent['type']) => events.filter((event) => event.type === type)

  async function call(bearer: string, amount: number, answerWith: (meter: (options?: Partial<MeterRouteOptions>) => ReturnType<typeof meterModel>, request: Request) => Promise<Response> | Response) {
    const handler = fetchCredits(guard)('ai', amount)((request, credits) =>
      answerWith((options) => meterModel({ credits, creditsFor: perToken, maxOutputTokens: 50, onEvent: (event) => events.push(event), ...options }), request),
    )
    return handler(new Request('http://localhost/chat', { method: 'POST', headers: { Authorization: bearer } }))
  }

  it('commits the usage of a stream when the response has ended', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('Hel'), text('lo'), { type: 'text-end', id: '1' }, finish(9, 4)) })
    const response = await call(bearer, 100, (meter) => sdk.streamText({ model: sdk.wrap(model, meter()), prompt: 'Hi' }).toTextStreamResponse())
    expect(await response.text()).toBe('Hello')
    expect(await used()).toBe(13)
  })

  it('a client that leaves in mid-stream is charged what was delivered', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { stream: stream(text('a'.repeat(40)), 'hang') })
    const response = await call(bearer, 100, (meter) => sdk.streamText({ model: sdk.wrap(model, meter()), prompt: 'Hi' }).toTextStreamResponse())
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    const charged = (await used()) as number
    expect(charged).toBeGreaterThanOrEqual(10 + 1)
    expect(charged).toBeLessThan(10 + 30)
  })

  it('two calls add up, also in the middle of the second one', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(20, 20)], stream: stream(text('a'.repeat(40)), 'hang') })
    const response = await call(bearer, 100, async (meter) => {
      const metered = sdk.wrap(model, meter())
      await sdk.generateText({ model: metered, prompt: 'Hi' })
      return sdk.streamText({ model: metered, prompt: 'Hi' }).toTextStreamResponse()
    })
    const reader = (response.body as ReadableStream<Uint8Array>).getReader()
    await reader.read()
    await reader.cancel()
    const charged = (await used()) as number
    expect(charged).toBeGreaterThanOrEqual(40 + 10 + 1)
    expect(charged).toBeLessThan(40 + 10 + 30)
  })

  it('two models with prices of their own add up', async () => {
    const { bearer, used } = await arrange()
    const [cheap, dear] = [createModel(sdk, { generate: [answer(7, 5)] }), createModel(sdk, { generate: [answer(2, 3)] })]
    const response = await call(bearer, 100, async (meter) => {
      await sdk.generateText({ model: sdk.wrap(cheap.model, meter()), prompt: 'Hi' })
      await sdk.generateText({ model: sdk.wrap(dear.model, meter({ creditsFor: ({ totalTokens }) => totalTokens * 10 })), prompt: 'Hi' })
      return new Response('done')
    })
    await response.text()
    expect(await used()).toBe(12 + 50)
  })

  it('the steps of an agent that calls a tool add up', async () => {
    const { bearer, used } = await arrange()
    const { model, facts } = createModel(sdk, { generate: [answer(10, 5, [{ type: 'tool-call', toolCallId: '1', toolName: 'time', input: '{}' }]), answer(20, 7)] })
    const tools = { time: tool({ inputSchema: jsonSchema({ type: 'object', properties: {} }), execute: () => 'noon' }) }
    const response = await call(bearer, 100, async (meter) => {
      const { text: said } = await sdk.generateText({ model: sdk.wrap(model, meter()), prompt: 'What time is it?', tools, stopWhen: stepCountIs(3) })
      return new Response(said)
    })
    expect(await response.text()).toBe('Hello')
    expect([facts.calls, await used()]).toEqual([2, 42])
  })

  it('a sum above what was reserved is clamped, with an overage event', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(30, 20), answer(30, 20)] })
    const response = await call(bearer, 70, async (meter) => {
      const metered = sdk.wrap(model, meter())
      for (const prompt of ['Hi', 'Bye']) await sdk.generateText({ model: metered, prompt })
      return new Response('done')
    })
    await response.text()
    expect(await used()).toBe(70)
    expect(find('overage')).toMatchObject([{ actual: { ai: 100 }, charged: { ai: 70 } }])
  })

  it('a stream that passes what was reserved is one overage, however many parts it has', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(30, 30)], stream: stream(text('a'.repeat(40)), text('b'.repeat(40)), text('c'.repeat(40)), finish(20, 30)) })
    const response = await call(bearer, 70, async (meter) => {
      const metered = sdk.wrap(model, meter())
      await sdk.generateText({ model: metered, prompt: 'Hi' })
      return sdk.streamText({ model: metered, prompt: 'Hi' }).toTextStreamResponse()
    })
    await response.text()
    expect(await used()).toBe(70)
    expect(find('overage')).toMatchObject([{ actual: { ai: 110 }, charged: { ai: 70 } }])
  })

  it('a model that failed costs nothing in a route that answers all the same', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [new Error('overloaded')] })
    const response = await call(bearer, 70, async (meter) => {
      await sdk.generateText({ model: sdk.wrap(model, meter()), prompt: 'Hi', maxRetries: 0 }).catch(() => undefined)
      return new Response('try again later')
    })
    expect(await response.text()).toBe('try again later')
    expect(await used()).toBe(0)
  })

  it('a route that needed no model call charges nothing', async () => {
    const { bearer, used } = await arrange()
    const response = await call(bearer, 70, (meter) => {
      meter()
      return new Response('from a cache')
    })
    await response.text()
    expect(await used()).toBe(0)
  })

  it('usage that is missing is charged as what the other calls have left of the reservation', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(7, 5), answer(undefined, undefined)] })
    const response = await call(bearer, 70, async (meter) => {
      const metered = sdk.wrap(model, meter())
      for (const prompt of ['Hi', 'Bye']) await sdk.generateText({ model: metered, prompt })
      return new Response('done')
    })
    await response.text()
    expect(await used()).toBe(70)
    expect(find('overage')).toEqual([])
  })

  it('a price that cannot be told charges what was reserved, and is told as a fault', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(7, 5)] })
    const response = await call(bearer, 70, async (meter) => new Response((await sdk.generateText({ model: sdk.wrap(model, meter({ creditsFor: () => NaN })), prompt: 'Hi' })).text))
    await response.text()
    expect(await used()).toBe(70)
    expect(find('fault')).toEqual([{ type: 'fault', creditTypes: ['ai'], error: expect.any(TypeError) as TypeError }])
  })

  it('a route that answers 500 is refunded, whatever its models used', async () => {
    const { bearer, used } = await arrange()
    const { model } = createModel(sdk, { generate: [answer(7, 5)] })
    const response = await call(bearer, 70, async (meter) => {
      await sdk.generateText({ model: sdk.wrap(model, meter()), prompt: 'Hi' })
      return new Response('sorry', { status: 500 })
    })
    await response.text()
    expect(await used()).toBe(0)
  })
})
