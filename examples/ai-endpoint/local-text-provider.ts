import { setTimeout as sleep } from 'node:timers/promises'

/** What a text provider is asked for. It stops producing, and charging you, when `signal` aborts. */
export interface TextRequest {
  readonly prompt: string
  readonly maxTokens: number
  readonly signal: AbortSignal
}

const MILLISECONDS_PER_TOKEN = 15
const TOKENS_BEFORE_TROUBLE = 6
const TEXT =
  'Credits are held before the first word of this text is written, and when it ends, or breaks, or its reader leaves, ' +
  'the words that were written are charged and the rest is given back.'

/**
 * Stands in for a text provider, with the shape of a real one: it accepts the request, or rejects, and then streams
 * token by token. It has one text to tell. Three words in a prompt bring trouble, as a provider's sandbox would:
 * `[refuse]` rejects, `[break]` fails after a few tokens, `[stall]` goes silent after a few tokens.
 */
export async function generateText(request: TextRequest): Promise<AsyncGenerator<string, void>> {
  await sleep(MILLISECONDS_PER_TOKEN, undefined, { signal: request.signal })
  if (request.prompt.includes('[refuse]')) throw new Error('the text provider is overloaded')
  return streamTokens(request)
}

async function* streamTokens({ prompt, maxTokens, signal }: TextRequest): AsyncGenerator<string, void> {
  const tokens = TEXT.split(/(?<= )/).slice(0, maxTokens)
  for (const [index, token] of tokens.entries()) {
    if (index === TOKENS_BEFORE_TROUBLE) {
      if (prompt.includes('[break]')) throw new Error('the text provider broke off')
      if (prompt.includes('[stall]')) await sleep(3_600_000, undefined, { signal, ref: false })
    }
    await sleep(MILLISECONDS_PER_TOKEN, undefined, { signal })
    yield token
  }
}
