import * as ai6 from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import * as ai7 from 'ai7'
import { MockLanguageModelV4 } from 'ai7/test'
import type { MeterMiddleware } from 'creditgate/ai'

/** The AI SDK in the versions that are supported, and its own mock models, with scripts to play. */

export interface Part {
  readonly type: string
  readonly [member: string]: unknown
}
/** What the mock model does: the parts it streams, one after each read; an Error among them breaks the stream. `hang` never comes. */
export type Script = readonly (Part | Error | 'hang')[]

const usage = (input: number | undefined, output: number | undefined) => ({
  inputTokens: { total: input, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: output, text: undefined, reasoning: undefined },
})
export const text = (delta: string): Part => ({ type: 'text-delta', id: '1', delta })
export const finish = (input: number | undefined, output: number | undefined): Part => ({ type: 'finish', finishReason: { unified: 'stop', raw: undefined }, usage: usage(input, output) })
export const stream = (...parts: Script): Script => [{ type: 'stream-start', warnings: [] }, { type: 'text-start', id: '1' }, ...parts]

function play(script: Script, cancelled: (reason: unknown) => void): ReadableStream<Part> {
  const parts = script[Symbol.iterator]()
  return new ReadableStream<Part>(
    {
      async pull(controller) {
        const { done, value } = parts.next()
        if (done === true) controller.close()
        else if (value === 'hang') await new Promise(() => undefined)
        else if (value instanceof Error) controller.error(value)
        else controller.enqueue(value)
      },
      cancel: cancelled,
    },
    { highWaterMark: 0 },
  )
}

/** What is the same in both versions of the SDK, as far as it is used here. */
export interface Sdk {
  wrap(model: unknown, middleware: MeterMiddleware): { doStream(params: object): PromiseLike<{ stream: ReadableStream<Part> }> }
  generateText(options: object): Promise<{ text: string }>
  streamText(options: object): { fullStream: AsyncIterable<Part>; textStream: AsyncIterable<string>; toTextStreamResponse(): Response }
  Mock: new (options: object) => object
}
export const SDKS: Readonly<Record<string, Sdk>> = {
  'AI SDK 6': { wrap: (model: unknown, middleware: MeterMiddleware) => ai6.wrapLanguageModel({ model: model as MockLanguageModelV3, middleware }), ...ai6, Mock: MockLanguageModelV3 } as unknown as Sdk,
  'AI SDK 7': { wrap: (model: unknown, middleware: MeterMiddleware) => ai7.wrapLanguageModel({ model: model as MockLanguageModelV4, middleware }), ...ai7, Mock: MockLanguageModelV4 } as unknown as Sdk,
}

/** A mock model that plays its script, and what was asked of it. */
export function createModel(sdk: Sdk, answers: { generate?: readonly (object | Error)[]; stream?: Script }) {
  const facts = { calls: 0, cancelled: undefined as unknown, parameters: [] as { maxOutputTokens?: number }[] }
  const generated = [...(answers.generate ?? [])]
  const model = new sdk.Mock({
    doGenerate: (parameters: { maxOutputTokens?: number }) => {
      facts.calls += 1
      facts.parameters.push(parameters)
      const next = generated.shift()
      return next instanceof Error ? Promise.reject(next) : Promise.resolve(next)
    },
    doStream: (parameters: { maxOutputTokens?: number }) => {
      facts.calls += 1
      facts.parameters.push(parameters)
      return Promise.resolve({ stream: play(answers.stream ?? [], (reason) => (facts.cancelled = reason ?? 'cancelled')) })
    },
  })
  return { model, facts }
}

/** What a generated text is answered with. */
export const answer = (input: number | undefined, output: number | undefined, content: readonly object[] = [{ type: 'text', text: 'Hello' }]) => ({
  content,
  finishReason: { unified: content.some((part) => (part as Part).type === 'tool-call') ? 'tool-calls' : 'stop', raw: undefined },
  usage: usage(input, output),
  warnings: [],
})
