import { wrapLanguageModel, type LanguageModelMiddleware } from 'ai'
import { MockLanguageModelV3 } from 'ai/test'
import { wrapLanguageModel as wrapLanguageModel7, type LanguageModelMiddleware as LanguageModelMiddleware7 } from 'ai7'
import { MockLanguageModelV4 } from 'ai7/test'
import type { Admission, Credits } from 'creditgate'
import { CreditsDenied, meterModel, type MeterMiddleware, type ReservingGuardLike, type TokenUsage } from 'creditgate/ai'

declare const credits: Credits
declare const reserving: { reserve(user: string, creditType: 'ai' | 'lead', amount: number, options?: { readonly leaseSeconds?: number }): Promise<Admission> }

const creditsFor = ({ totalTokens, reasoningTokens = 0 }: TokenUsage): number => Math.ceil((totalTokens + reasoningTokens) / 100)
const inRoute: MeterMiddleware = meterModel({ credits, creditsFor, maxOutputTokens: 1000, onMissingUsage: 'refund' })
const byItself = meterModel({ guard: reserving, user: 'user', creditType: 'ai', creditsFor, maxInputTokens: 10_000, bytesPerToken: 3, onEvent: (event) => console.log(event.type) })

export const middlewares: readonly LanguageModelMiddleware[] = [inRoute, byItself]
export const middlewares7: readonly LanguageModelMiddleware7[] = [inRoute, byItself]
export const model = wrapLanguageModel({ model: new MockLanguageModelV3(), middleware: inRoute })
export const model7 = wrapLanguageModel7({ model: new MockLanguageModelV4(), middleware: [byItself] })
export const guard: ReservingGuardLike<'ai'> = reserving

export function answer(error: unknown): Response {
  const denied = CreditsDenied.find(error)
  if (denied === undefined) throw error
  return new Response(JSON.stringify(denied.problem.body), { status: denied.problem.status, headers: denied.problem.headers })
}

export function refuse(): void {
  // @ts-expect-error -- no price
  meterModel({ credits })
  // @ts-expect-error -- nobody who pays
  meterModel({ guard: reserving, creditType: 'ai', creditsFor })
  // @ts-expect-error -- no credit type of the guard's
  meterModel({ guard: reserving, user: 'user', creditType: 'video', creditsFor })
  // @ts-expect-error -- a price is a number
  meterModel({ credits, creditsFor: () => '1' })
  // @ts-expect-error -- no such option
  meterModel({ credits, creditsFor, maxTokens: 1 })
}
