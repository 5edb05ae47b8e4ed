import { countBytes } from './prompt.ts'
import type { TokenUsage } from './usage.ts'

/** The part of a stream's parts that is read, the same in the AI SDK 5 to 7. */
export interface StreamPartLike {
  readonly type: string
}

/** What the parts of a stream have delivered so far, estimated: a provider tells its usage only at the end. */
export interface Delivery {
  /** Whether the part delivered anything that was generated. */
  count(part: StreamPartLike): boolean
  estimate(): TokenUsage
}

/**
 * Estimates tokens by bytes: four to a token in English, other languages differ less in bytes than in letters. The input counts
 * from the first delivery on. Neither side is ever estimated above its bound.
 */
export function createDelivery({
  promptBytes,
  bytesPerToken,
  maxInputTokens = Infinity,
  maxOutputTokens = Infinity,
}: {
  readonly promptBytes: number
  readonly bytesPerToken: number
  readonly maxInputTokens?: number | undefined
  readonly maxOutputTokens?: number | undefined
}): Delivery {
  let bytes = 0
  let reasoningBytes = 0
  const streamedTools = new Set<unknown>()
  const toTokens = (count: number, bound: number) => Math.min(Math.ceil(count / bytesPerToken), bound)
  const inputTokens = toTokens(promptBytes, maxInputTokens)

  return {
    count(part) {
      const { type, id, delta, toolCallId, input } = part as StreamPartLike & Readonly<Record<string, unknown>>
      // A provider that streams the input of a tool call tells it once more at its end.
      if (type === 'tool-input-delta') streamedTools.add(id)
      const text = DELTAS.includes(type) ? delta : type === 'tool-call' && !streamedTools.has(toolCallId) ? input : undefined
      if (typeof text !== 'string' || text === '') return false
      const added = countBytes(text)
      bytes += added
      if (type === 'reasoning-delta') reasoningBytes += added
      return true
    },
    estimate() {
      const outputTokens = toTokens(bytes, maxOutputTokens)
      const reasoning = reasoningBytes === 0 ? {} : { reasoningTokens: toTokens(reasoningBytes, maxOutputTokens) }
      return { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, ...reasoning }
    },
  }
}

const DELTAS: readonly string[] = ['text-delta', 'reasoning-delta', 'tool-input-delta']
