/** What a model call used, in tokens, whatever shape the provider reported it in. */
export interface TokenUsage {
  /** All input tokens, cached ones included. */
  readonly inputTokens: number
  /** All output tokens, reasoning included. */
  readonly outputTokens: number
  /** Input and output; more, where the provider counts something else on top. */
  readonly totalTokens: number
  /** The part of the output that is reasoning; undefined: not told. */
  readonly reasoningTokens?: number | undefined
  /** The part of the input that was read from a cache; undefined: not told. */
  readonly cachedInputTokens?: number | undefined
}

/**
 * Reads a provider's usage: numbers, as the AI SDK 5 has them, or objects with totals, as 6 and 7 do. Undefined when the
 * input or the output is not told: half a usage would be half a charge.
 */
export function readUsage(usage: unknown): TokenUsage | undefined {
  const reported = asRecord(usage)
  const inputTokens = readTotal(reported['inputTokens'])
  const outputTokens = readTotal(reported['outputTokens'])
  if (inputTokens === undefined || outputTokens === undefined) return undefined
  return {
    inputTokens,
    outputTokens,
    totalTokens: Math.max(readCount(reported['totalTokens']) ?? 0, inputTokens + outputTokens),
    reasoningTokens: readCount(asRecord(reported['outputTokens'])['reasoning'] ?? reported['reasoningTokens']),
    cachedInputTokens: readCount(asRecord(reported['inputTokens'])['cacheRead'] ?? reported['cachedInputTokens']),
  }
}

function readTotal(tokens: unknown): number | undefined {
  return readCount(tokens) ?? readCount(asRecord(tokens)['total'])
}

function readCount(tokens: unknown): number | undefined {
  return typeof tokens === 'number' && Number.isFinite(tokens) && tokens >= 0 ? tokens : undefined
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}
