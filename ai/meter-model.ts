import { createEmitter } from '../src/events.ts'
import { reserveForCall } from './call-hold.ts'
import { createDelivery, type StreamPartLike } from './delivery.ts'
import type { Hold } from './hold.ts'
import { parseMeterOptions, type MeterOptions } from './meter-options.ts'
import { meterStream } from './metered-stream.ts'
import { createPrice, priceUpperBound, type ModelLike } from './price.ts'
import { measurePrompt, type CallParametersLike } from './prompt.ts'
import { holdOnRoute, openAccount } from './route-hold.ts'
import { readUsage, type TokenUsage } from './usage.ts'

/** Fits the `LanguageModelMiddleware` of the AI SDK 5, 6 and 7. */
export interface MeterMiddleware {
  readonly specificationVersion: 'v3'
  transformParams<Parameters extends CallParametersLike>(call: { readonly params: Parameters }): Promise<Parameters>
  wrapGenerate<Result extends { readonly usage?: unknown }>(call: { readonly doGenerate: () => PromiseLike<Result>; readonly params: CallParametersLike; readonly model: ModelLike }): Promise<Result>
  wrapStream<Part extends StreamPartLike, Result extends { readonly stream: ReadableStream<Part> }>(call: {
    readonly doStream: () => PromiseLike<Result & { readonly stream: ReadableStream<Part> }>
    readonly params: CallParametersLike
    readonly model: ModelLike
  }): Promise<Result>
}

/**
 * Meters a language model of the Vercel AI SDK in credits: by the upper bound before the call, by the reported usage after it.
 *
 * With `credits`, the handle of a guarded route, the calls state their sum and the route settles. With `guard`, `user` and
 * `creditType` each call reserves and settles by itself; one that is refused rejects with `CreditsDenied`, and the model is not called.
 *
 * @throws TypeError naming each option that is unknown or wrong; and at a call, when it has no upper bound.
 * @example
 * const creditsFor = ({ totalTokens }: TokenUsage) => Math.ceil(totalTokens / 100)
 * const model = wrapLanguageModel({ model: provider('name'), middleware: meterModel({ credits, creditsFor }) })
 */
export function meterModel<CreditType extends string>(options: MeterOptions<CreditType>): MeterMiddleware {
  const settings = parseMeterOptions(options)
  const { creditsFor, maxInputTokens, bytesPerToken } = settings
  const emit = createEmitter(settings.onEvent)
  if ('credits' in settings) openAccount(settings.credits)

  /** One model call: held for, and then told how it goes. */
  async function beginCall(params: CallParametersLike, model: ModelLike) {
    const { maxOutputTokens, abortSignal } = params
    const size = measurePrompt(params)
    const inputBound = maxInputTokens ?? (size.opaque ? undefined : size.bytes)
    let hold: Hold
    if ('credits' in settings) {
      hold = holdOnRoute(settings.credits)
    } else {
      const { guard, user, creditType } = settings
      const bound = { inputTokens: requireBound(inputBound, NO_INPUT_BOUND), outputTokens: requireBound(maxOutputTokens, NO_OUTPUT_BOUND) }
      hold = await reserveForCall(guard, { user, creditType, amount: priceUpperBound(creditsFor, bound, model) })
    }
    const price = createPrice(creditsFor, { model, creditType: hold.creditType, emit })
    const delivery = createDelivery({ promptBytes: size.bytes, bytesPerToken, maxInputTokens: inputBound, maxOutputTokens })
    let usage: TokenUsage | undefined

    const call = {
      readUsage(reported: unknown) {
        usage = readUsage(reported)
      },
      onPart(part: StreamPartLike & { readonly usage?: unknown }) {
        if (part.type === 'finish') call.readUsage(part.usage)
        else if (delivery.count(part)) hold.report(price(delivery.estimate(), hold.reserved))
      },
      onEnd(ended: 'finished' | 'aborted' | 'failed') {
        if (ended !== 'finished') return hold.end({ ended })
        const missing = settings.onMissingUsage === 'refund' ? undefined : hold.reserved
        return hold.end({ ended, charged: usage === undefined ? missing : price(usage, hold.reserved) })
      },
    }
    // Whoever left while credits were being reserved gets no paid work.
    if (abortSignal?.aborted === true) {
      await call.onEnd('aborted')
      throw abortSignal.reason
    }
    return call
  }

  return Object.freeze<MeterMiddleware>({
    specificationVersion: 'v3',

    /** A bound that the model is not told is none. */
    transformParams({ params }) {
      return Promise.resolve(params.maxOutputTokens === undefined && settings.maxOutputTokens !== undefined ? { ...params, maxOutputTokens: settings.maxOutputTokens } : params)
    },

    async wrapGenerate({ doGenerate, params, model }) {
      const call = await beginCall(params, model)
      let result
      try {
        result = await doGenerate()
      } catch (error) {
        await call.onEnd('failed')
        throw error
      }
      call.readUsage(result.usage)
      await call.onEnd('finished')
      return result
    },

    async wrapStream({ doStream, params, model }) {
      const call = await beginCall(params, model)
      try {
        const result = await doStream()
        return { ...result, stream: meterStream(result.stream, call, params.abortSignal) }
      } catch (error) {
        await call.onEnd('failed')
        throw error
      }
    },
  })
}

function requireBound(bound: number | undefined, message: string): number {
  if (bound === undefined) throw new TypeError(`creditgate: meterModel: ${message}`)
  return bound
}

const NO_OUTPUT_BOUND = 'the call has no upper bound: give maxOutputTokens, with the call or as an option of meterModel'
const NO_INPUT_BOUND = 'the prompt has files, images or tools that the provider runs, so its bytes are no upper bound: give maxInputTokens, as an option of meterModel'
