import { describeValue, isAmount, type Amount } from './amount.ts'
import type { RouteOptions } from './guard-options.ts'
import type { Amounts } from './ledger/ledger.ts'

/**
 * What a call costs: one credit type and its amount, or several types at once, all or nothing.
 *
 * @example
 * requireCredits('ai', 2)
 * requireCredits({ ai: 2, skipTrace: (request) => countNames(request) })
 */
export type Price<CreditType extends string, Context> =
  | [creditType: CreditType, amount: Amount<Context>, options?: RouteOptions | undefined]
  | [amounts: Readonly<Partial<Record<CreditType, Amount<Context>>>>, options?: RouteOptions | undefined]

export interface ParsedPrice<Context> {
  /** In the order they were named, one at least. */
  readonly creditTypes: readonly [string, ...string[]]
  readonly options: RouteOptions
  /**
   * What this request costs; undefined: a computed amount is none. Each function is called once.
   * Rejects only with what one of them threw.
   */
  readonly compute: (context: Context) => Amounts | undefined | Promise<Amounts | undefined>
}

/** @throws TypeError for a credit type that is unknown, a fixed amount that is none, or no type at all. */
export function parsePrice<CreditType extends string, Context>(
  price: Price<CreditType, Context>,
  { creditTypes: known, maxAmount }: { readonly creditTypes: readonly string[]; readonly maxAmount: number },
): ParsedPrice<Context> {
  const [first, second, third] = price as [unknown, unknown, RouteOptions?]
  const isSeveral = typeof first === 'object' && first !== null
  const amounts = isSeveral ? Object.entries(first).filter(([, amount]) => amount !== undefined) : [[first, second] as const]
  const options = (isSeveral ? (second as RouteOptions | undefined) : third) ?? {}

  for (const [type, amount] of amounts) {
    if (!known.includes(type as string)) throw new TypeError(`creditgate: requireCredits: there is no credit type ${describeValue(type)}; the guard knows ${known.join(', ')}`)
    if (typeof amount !== 'function' && !isAmount(amount, maxAmount)) {
      throw new TypeError(`creditgate: requireCredits: the amount must be a whole number from 0 to ${maxAmount}, or a function of the request; it is ${describeValue(amount)}`)
    }
  }
  if (amounts.length === 0) throw new TypeError('creditgate: requireCredits: at least one credit type must be named')
  const entries = amounts as [string, Amount<Context>][]
  const creditTypes = entries.map(([type]) => type) as [string, ...string[]]

  if (entries.every(([, amount]) => typeof amount === 'number')) {
    const fixed = Object.freeze(Object.fromEntries(entries) as Record<string, number>)
    return { creditTypes, options, compute: () => fixed }
  }
  return {
    creditTypes,
    options,
    async compute(context) {
      const computed = await Promise.all(entries.map(async ([type, amount]) => [type, typeof amount === 'function' ? await amount(context) : amount] as const))
      return computed.every(([, amount]) => isAmount(amount, maxAmount)) ? Object.freeze(Object.fromEntries(computed)) : undefined
    },
  }
}
