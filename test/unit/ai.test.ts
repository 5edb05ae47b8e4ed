import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Admission, GuardEvent, Problem } from 'creditgate'
import { CreditsDenied, meterModel, type CreditsFor, type MeterOptions } from 'creditgate/ai'
import { createDelivery, type StreamPartLike } from '../../ai/delivery.ts'
import { meterStream } from '../../ai/metered-stream.ts'
import { priceUpperBound } from '../../ai/price.ts'
import { measurePrompt } from '../../ai/prompt.ts'
import { readUsage } from '../../ai/usage.ts'
import { createDenial } from '../../src/admission.ts'
import { createCredits } from '../../src/credits.ts'
import { decideSettlement, type Settlement } from '../../src/outcome.ts'

const MODEL = { provider: 'local', modelId: 'one' }
const perToken: CreditsFor = ({ totalTokens }) => totalTokens
const user = (...content: object[]) => [{ role: 'user', content }]
const anyText = fc.string({ unit: fc.constantFrom('a', ' ', 'é', '字', '😀', '"', '\\', '\u0000', '\ud800') })
const says = (text: string) => ({ type: 'text', text })

describe('a usage', () => {
  it.each<[string, unknown, unknown]>([
    ['numbers, as the AI SDK 5 has them', { inputTokens: 7, outputTokens: 5, totalTokens: 12, reasoningTokens: 2, cachedInputTokens: 3 }, [7, 5, 12, 2, 3]],
    ['objects with totals, as 6 and 7 do', { inputTokens: { total: 7, cacheRead: 3 }, outputTokens: { total: 5, reasoning: 2 } }, [7, 5, 12, 2, 3]],
    ['no details', { inputTokens: { total: 0 }, outputTokens: { total: 0 } }, [0, 0, 0, undefined, undefined]],
    ['a total with something on top', { inputTokens: 7, outputTokens: 5, totalTokens: 20 }, [7, 5, 20, undefined, undefined]],
    ['a total that is less than its parts', { inputTokens: 7, outputTokens: 5, totalTokens: 3 }, [7, 5, 12, undefined, undefined]],
  ])('is read from %s', (_shape, reported, expected) => {
    const read = readUsage(reported)
    expect([read?.inputTokens, read?.outputTokens, read?.totalTokens, read?.reasoningTokens, read?.cachedInputTokens]).toEqual(expected)
  })

  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['text', '12'],
    ['no output', { inputTokens: 7, outputTokens: undefined, totalTokens: 7 }],
    ['no input total', { inputTokens: { total: undefined }, outputTokens: { total: 5 } }],
    ['NaN', { inputTokens: NaN, outputTokens: 5 }],
    ['less than nothing', { inputTokens: { total: -1 }, outputTokens: { total: 5 } }],
    ['endless', { inputTokens: Infinity, outputTokens: 5 }],
  ])('of which is told %s is missing', (_what, reported) => {
    expect(readUsage(reported)).toBeUndefined()
  })
})

describe('a prompt', () => {
  it('has at most as many tokens as UTF-8 bytes: those of its texts, its tools and the schema of its answer', () => {
    fc.assert(
      fc.property(fc.array(anyText), anyText, (texts, word) => {
        const bytes = [...texts, word, word].reduce((sum, text) => sum + Buffer.byteLength(text), 0)
        const size = measurePrompt({ prompt: [{ role: 'system', content: word }, ...user(...texts.map(says))], responseFormat: { type: 'json', schema: { description: word } } })
        expect(size.opaque).toBe(false)
        expect(size.bytes).toBeGreaterThanOrEqual(bytes)
      }),
    )
    const tool = { type: 'function', name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'file' } } } }
    expect(measurePrompt({ prompt: [], tools: [tool] }).bytes).toBeGreaterThanOrEqual(JSON.stringify(tool).length)
    expect(measurePrompt({ prompt: [], tools: [tool] }).opaque).toBe(false)
    expect(measurePrompt({ prompt: [], responseFormat: { type: 'json', schema: { description: 'x'.repeat(500) } } }).bytes).toBeGreaterThan(500)
  })

  it.each<[string, Parameters<typeof measurePrompt>[0]]>([
    ['a file', { prompt: user(says('Look'), { type: 'file', mediaType: 'image/png', data: new Uint8Array(5_000) }) }],
    ['an image that a tool returned', { prompt: [{ role: 'tool', content: [{ type: 'tool-result', output: { type: 'content', value: [says('Here'), { type: 'media', data: 'x'.repeat(5_000) }] } }] }] }],
    ['something of the provider', { prompt: [{ role: 'assistant', content: [{ type: 'custom', kind: 'a.b' }] }] }],
    ['a tool that the provider runs', { prompt: user(says('Search')), tools: [{ type: 'provider' }] }],
  ])('with %s has no bound in its bytes', (_what, parameters) => {
    const size = measurePrompt(parameters)
    expect(size.opaque).toBe(true)
    expect(size.bytes).toBeLessThan(200)
  })
})

describe('what a stream has delivered', () => {
  const deliver = (bounds: object, ...parts: StreamPartLike[]) => {
    const delivery = createDelivery({ promptBytes: 10, bytesPerToken: 4, ...bounds })
    return [parts.map((part) => delivery.count(part)), delivery.estimate()] as const
  }
  const delta = (type: string, text: string, id = '1') => ({ type, id, delta: text })

  it('is the input, and a token for every four bytes of text, reasoning and tool input', () => {
    const [counted, estimate] = deliver({}, { type: 'stream-start' }, delta('text-delta', ''), delta('text-delta', 'äöüß!'), delta('reasoning-delta', 'hm'), delta('tool-input-delta', '{}'))
    expect(counted).toEqual([false, false, true, true, true])
    expect(estimate).toEqual({ inputTokens: 3, outputTokens: 4, totalTokens: 7, reasoningTokens: 1 })
  })

  it('counts a tool call once, whether or not its input was streamed', () => {
    const call = (toolCallId: string) => ({ type: 'tool-call', toolCallId, input: 'x'.repeat(40) })
    expect(deliver({}, delta('tool-input-delta', 'x'.repeat(40), 'a'), call('a'))[1].outputTokens).toBe(10)
    expect(deliver({}, call('b'))[1].outputTokens).toBe(10)
  })

  it('is never estimated above the bounds', () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.nat(1000), fc.nat(100), fc.double({ min: 1, max: 16, noNaN: true }), fc.array(fc.string()), (maxInputTokens, maxOutputTokens, promptBytes, bytesPerToken, texts) => {
        const [, estimate] = deliver({ maxInputTokens, maxOutputTokens, promptBytes, bytesPerToken }, ...texts.map((text) => delta('reasoning-delta', text)))
        expect(estimate.inputTokens).toBeLessThanOrEqual(maxInputTokens)
        expect(estimate.outputTokens).toBeLessThanOrEqual(maxOutputTokens)
        expect(estimate.reasoningTokens ?? 0).toBeLessThanOrEqual(estimate.outputTokens)
      }),
    )
  })
})

describe('the price of the upper bound', () => {
  const bound = { inputTokens: 100, outputTokens: 10 }

  it.each<[string, CreditsFor, number]>([
    ['everything alike', perToken, 110],
    ['dearer reasoning', ({ outputTokens, reasoningTokens = 0 }) => outputTokens + 4 * reasoningTokens, 50],
    ['cheaper reasoning', ({ outputTokens, reasoningTokens = 0 }) => 4 * outputTokens - 3 * reasoningTokens, 40],
    ['cheaper cached input', ({ inputTokens, cachedInputTokens = 0 }) => 10 * inputTokens - 9 * cachedInputTokens, 1000],
    ['a model of its own', (usage, { modelId }) => (modelId === 'one' ? usage.inputTokens : 0), 100],
  ])('is the dearest case with %s', (_what, creditsFor, expected) => {
    expect(priceUpperBound(creditsFor, bound, MODEL)).toBe(expected)
  })
})

describe('a metered stream', () => {
  function play(onPull: () => void) {
    let next = 0
    return new ReadableStream<StreamPartLike>(
      {
        pull(controller) {
          onPull()
          controller.enqueue({ type: (next += 1) < 4 ? 'text-delta' : 'finish' })
          if (next === 4) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
  }

  it('asks the model for a part only when it is asked for one, and leaves no listener behind', async () => {
    let pulled = 0
    const ends: string[] = []
    const listeners: string[] = []
    const signal = Object.assign(new EventTarget(), { aborted: false, reason: undefined }) as unknown as AbortSignal
    for (const method of ['addEventListener', 'removeEventListener'] as const) {
      const original = signal[method].bind(signal) as (...args: unknown[]) => void
      const record = (...args: unknown[]) => {
        listeners.push(method)
        original(...args)
      }
      Object.assign(signal, { [method]: record })
    }
    const metered = meterStream(play(() => (pulled += 1)), { onPart: () => undefined, onEnd: (ended) => (ends.push(ended), Promise.resolve()) }, signal)
    const reader = metered.getReader()
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(pulled).toBe(0)
    for (let read = 1; read <= 3; read += 1) {
      await reader.read()
      await new Promise((resolve) => setTimeout(resolve, 5))
      expect([pulled, ends]).toEqual([read, []])
    }
    expect(listeners).toEqual(['addEventListener'])
    expect((await reader.read()).value).toEqual({ type: 'finish' })
    expect((await reader.read()).done).toBe(true)
    expect(ends).toEqual(['finished'])
    expect(listeners).toContain('removeEventListener')
  })

  it('whose call was aborted before it began delivers nothing', async () => {
    let pulled = 0
    const ends: string[] = []
    const onEnd = (ended: string) => {
      ends.push(ended)
      return Promise.resolve()
    }
    const reader = meterStream(play(() => (pulled += 1)), { onPart: () => undefined, onEnd }, AbortSignal.abort(new Error('left'))).getReader()
    await expect(reader.read()).rejects.toThrow('left')
    expect([pulled, ends]).toEqual([0, ['aborted']])
  })

  it('closes only once it is settled', async () => {
    let settle: () => void = () => undefined
    const settled = new Promise<void>((resolve) => (settle = resolve))
    const reader = meterStream(play(() => undefined), { onPart: () => undefined, onEnd: () => settled }, undefined).getReader()
    for (let read = 0; read < 4; read += 1) await reader.read()
    let closed = false
    const end = reader.read().then(() => (closed = true))
    await new Promise((resolve) => setTimeout(resolve, 10))
    expect(closed).toBe(false)
    settle()
    await end
  })
})

/** A guard that admits everything and keeps what it was asked for and how it was settled. */
function createStubGuard() {
  const reserved: number[] = []
  const settlements: Settlement[] = []
  return {
    reserved,
    settlements,
    guard: {
      reserve(_user: string, creditType: string, amount: number): Promise<Admission> {
        reserved.push(amount)
        const record = createCredits(
          { id: 'id', creditType, amounts: { [creditType]: amount }, balances: {}, user: undefined },
          { metered: false, reservesMore: false, emit: () => undefined, onReport: () => undefined, detach: () => Promise.reject(new Error('none')) },
        )
        return Promise.resolve({ outcome: 'admitted', credits: record.credits, headers: {}, settle: (outcome) => Promise.resolve(void settlements.push(decideSettlement(outcome, record.statement))) })
      },
    },
  }
}

describe('meterModel', () => {
  const call = (meter: ReturnType<typeof meterModel>, params: Parameters<typeof measurePrompt>[0], usage: unknown) =>
    meter.wrapGenerate({ doGenerate: () => Promise.resolve({ usage }), params, model: MODEL })

  it('charges the usage of the AI SDK 5, which tells it in numbers, whether generated or streamed', async () => {
    const { guard, settlements } = createStubGuard()
    const meter = meterModel({ guard, user: 'u', creditType: 'ai', creditsFor: perToken })
    const params = { prompt: user(says('Hi')), maxOutputTokens: 9 }
    const usage = { inputTokens: 7, outputTokens: 5, totalTokens: 12 }
    await call(meter, params, usage)
    const streamed = new ReadableStream<StreamPartLike & { readonly usage: unknown }>({
      start(controller) {
        controller.enqueue({ type: 'finish', usage })
        controller.close()
      },
    })
    const { stream } = await meter.wrapStream({ doStream: () => Promise.resolve({ stream: streamed }), params, model: MODEL })
    for await (const part of stream as unknown as AsyncIterable<StreamPartLike>) expect(part.type).toBe('finish')
    expect(settlements).toEqual([
      { outcome: 'commit', amounts: { ai: 12 } },
      { outcome: 'commit', amounts: { ai: 12 } },
    ])
  })

  it('tells a model the bound that its caller did not set, and no other', async () => {
    const meter = meterModel({ guard: createStubGuard().guard, user: 'u', creditType: 'ai', creditsFor: perToken, maxOutputTokens: 50 })
    expect(await meter.transformParams({ params: { prompt: [] } })).toEqual({ prompt: [], maxOutputTokens: 50 })
    expect(await meter.transformParams({ params: { prompt: [], maxOutputTokens: 9 } })).toEqual({ prompt: [], maxOutputTokens: 9 })
  })

  it('refuses a call without an upper bound, and says what to do', async () => {
    const { guard, reserved } = createStubGuard()
    const options = { guard, user: 'u', creditType: 'ai', creditsFor: perToken }
    await expect(call(meterModel(options), { prompt: user(says('Hi')) }, undefined)).rejects.toThrow(/^creditgate: meterModel: .*give maxOutputTokens/)
    const looks = { prompt: user({ type: 'file', data: 'x', mediaType: 'image/png' }), maxOutputTokens: 9 }
    await expect(call(meterModel(options), looks, undefined)).rejects.toThrow(/^creditgate: meterModel: .*give maxInputTokens/)
    expect(reserved).toEqual([])
    await call(meterModel({ ...options, maxInputTokens: 1000 }), looks, undefined)
    expect(reserved).toEqual([1009])
  })

  it('rejects with the refusal of the guard, which is found in what is thrown around it', async () => {
    const problem: Problem = { name: 'insufficient-credits', status: 402, headers: {}, body: { type: 'urn:x', title: 'Not enough credits', status: 402 } }
    const guard = { reserve: () => Promise.resolve<Admission>(createDenial(problem)) }
    const denied: unknown = await call(meterModel({ guard, user: 'u', creditType: 'ai', creditsFor: perToken }), { prompt: [], maxOutputTokens: 1 }, undefined).catch((error: unknown) => error)
    expect(denied).toBeInstanceOf(CreditsDenied)
    expect(CreditsDenied.find(new Error('outer', { cause: Object.assign(new Error('retried'), { lastError: denied }) }))?.problem).toBe(problem)
    expect(CreditsDenied.find(new Error('other'))).toBeUndefined()
    expect(CreditsDenied.find('text')).toBeUndefined()
  })

  it.each<[string, object, string]>([
    ['an option that does not exist', { maxTokens: 5 }, 'maxTokens'],
    ['no price', { creditsFor: 3 }, 'creditsFor'],
    ['a bound of nothing', { maxOutputTokens: 0 }, 'maxOutputTokens'],
    ['a bound that is no whole number', { maxInputTokens: 1.5 }, 'maxInputTokens'],
    ['tokens of no bytes', { bytesPerToken: 0 }, 'bytesPerToken'],
    ['a rule that does not exist', { onMissingUsage: 'free' }, 'onMissingUsage'],
    ['no guard', { guard: {} }, 'guard'],
    ['nobody who pays', { user: '' }, 'user'],
    ['both ways at once', { credits: { commit: () => undefined, report: () => undefined } }, 'guard'],
  ])('refuses %s', (_what, wrong, named) => {
    const options = { guard: createStubGuard().guard, user: 'u', creditType: 'ai', creditsFor: perToken, ...wrong } as unknown as MeterOptions
    expect(() => meterModel(options)).toThrow(TypeError)
    expect(() => meterModel(options)).toThrow(named)
  })

  it('is not broken by a listener that rejects', async () => {
    const { guard, settlements } = createStubGuard()
    const seen: GuardEvent[] = []
    let asked = 0
    const creditsFor: CreditsFor = () => ((asked += 1) <= 4 ? 20 : NaN)
    const onEvent = (event: GuardEvent) => {
      seen.push(event)
      return Promise.reject(new Error('listener'))
    }
    const meter = meterModel({ guard, user: 'u', creditType: 'ai', creditsFor, onEvent })
    const logged = console.error
    console.error = () => undefined
    try {
      await call(meter, { prompt: [], maxOutputTokens: 1 }, { inputTokens: 1, outputTokens: 1 })
      await new Promise((resolve) => setTimeout(resolve, 1))
    } finally {
      console.error = logged
    }
    expect(seen).toMatchObject([{ type: 'fault', creditTypes: ['ai'] }])
    expect(settlements).toEqual([{ outcome: 'commit', amounts: { ai: 20 } }])
  })
})
