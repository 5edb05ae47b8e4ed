import { setTimeout as sleep } from 'node:timers/promises'
import { MockLanguageModelV3 } from 'ai/test'

const MILLISECONDS_PER_TOKEN = 15
const TOKENS_BEFORE_TROUBLE = 6
const TEXT =
  'Credits are held before the first word of this text is written, and when it ends, or breaks, or its reader leaves, ' +
  'the words that were written are charged and the rest is given back.'

type CallOptions = MockLanguageModelV3['doStreamCalls'][number]
type StreamPart = Awaited<ReturnType<MockLanguageModelV3['doStream']>>['stream'] extends ReadableStream<infer Part> ? Part : never

/**
 * Stands in for a provider's model. It has one text to tell, and tells a word, which counts as a token, at a time. Three words in a
 * prompt bring trouble, as a provider's sandbox would: `[refuse]` rejects, `[break]` fails after a few tokens, `[stall]` goes
 * silent after a few tokens.
 */
export function createLocalModel(): MockLanguageModelV3 {
  return new MockLanguageModelV3({
    provider: 'local',
    modelId: 'one-text',
    async doStream(options) {
      await sleep(MILLISECONDS_PER_TOKEN, undefined, readSignal(options))
      if (JSON.stringify(options.prompt).includes('[refuse]')) throw new Error('the text provider is overloaded')
      const parts = streamParts(options)
      return {
        stream: new ReadableStream<StreamPart>(
          {
            async pull(controller) {
              const { done, value } = await parts.next()
              if (done === true) controller.close()
              else controller.enqueue(value)
            },
            async cancel() {
              await parts.return()
            },
          },
          { highWaterMark: 0 },
        ),
      }
    },
  })
}

async function* streamParts(options: CallOptions): AsyncGenerator<StreamPart, void> {
  const prompt = JSON.stringify(options.prompt)
  const tokens = TEXT.split(/(?<= )/).slice(0, options.maxOutputTokens)
  yield { type: 'stream-start', warnings: [] }
  yield { type: 'text-start', id: '1' }
  for (const [index, delta] of tokens.entries()) {
    if (index === TOKENS_BEFORE_TROUBLE) {
      if (prompt.includes('[break]')) throw new Error('the text provider broke off')
      if (prompt.includes('[stall]')) await sleep(3_600_000, undefined, { ...readSignal(options), ref: false })
    }
    await sleep(MILLISECONDS_PER_TOKEN, undefined, readSignal(options))
    yield { type: 'text-delta', id: '1', delta }
  }
  yield { type: 'text-end', id: '1' }
  yield {
    type: 'finish',
    finishReason: { unified: tokens.length === options.maxOutputTokens ? 'length' : 'stop', raw: undefined },
    usage: {
      inputTokens: { total: prompt.split(' ').length, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: tokens.length, text: tokens.length, reasoning: undefined },
    },
  }
}

function readSignal({ abortSignal }: CallOptions): { readonly signal?: AbortSignal } {
  return abortSignal === undefined ? {} : { signal: abortSignal }
}
