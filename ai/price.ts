import type { EventListener } from 'creditgate'
import type { TokenUsage } from './usage.ts'

/** The names of the model that is called. */
export interface ModelLike {
  readonly provider: string
  readonly modelId: string
}

/**
 * How many credits a usage costs: a whole number, so round up. More tokens must not cost less. It is also asked about the upper
 * bound of a call before it begins, and about what has been delivered while it streams.
 */
export type CreditsFor = (usage: TokenUsage, model: ModelLike) => number

/** Prices the usage of one model call. A price that cannot be told is `fallback`, and the developer is told once. */
export type Price = (usage: TokenUsage, fallback: number) => number

export function createPrice(creditsFor: CreditsFor, { model, creditType, emit }: { readonly model: ModelLike; readonly creditType: string; readonly emit: EventListener }): Price {
  let told = false
  return (usage, fallback) => {
    try {
      return askPrice(creditsFor, usage, model)
    } catch (error) {
      if (!told) emit({ type: 'fault', error: error as Error, creditTypes: [creditType] })
      told = true
      return fallback
    }
  }
}

/**
 * The most that a call within these bounds can cost. Cached input and reasoning may be cheaper or dearer than the rest, so
 * the price is asked for both ends of each.
 *
 * @throws TypeError when creditsFor gives no whole number of credits: nothing has been called yet, and nothing is.
 */
export function priceUpperBound(creditsFor: CreditsFor, { inputTokens, outputTokens }: Pick<TokenUsage, 'inputTokens' | 'outputTokens'>, model: ModelLike): number {
  const prices = [undefined, outputTokens].flatMap((reasoningTokens) =>
    [undefined, inputTokens].map((cachedInputTokens) =>
      askPrice(creditsFor, { inputTokens, outputTokens, totalTokens: inputTokens + outputTokens, reasoningTokens, cachedInputTokens }, model),
    ),
  )
  return Math.max(...prices)
}

function askPrice(creditsFor: CreditsFor, usage: TokenUsage, model: ModelLike): number {
  let credits: unknown
  try {
    credits = creditsFor(usage, model)
  } catch (cause) {
    throw new TypeError(`creditgate: meterModel: creditsFor threw for ${JSON.stringify(usage)}`, { cause })
  }
  if (Number.isSafeInteger(credits) && (credits as number) >= 0) return credits as number
  throw new TypeError(`creditgate: meterModel: creditsFor must give a whole number of credits, 0 or more; it gave ${String(credits)} for ${JSON.stringify(usage)}`)
}
