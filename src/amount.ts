/** A number of credits, or a function of the host's own request that is called once, before anything is reserved. */
export type Amount<Context> = number | ((context: Context) => number | Promise<number>)

/** Whether something is a number of credits: a safe integer from 0 to the maximum, where there is one. */
export function isAmount(value: unknown, maxAmount = Infinity): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maxAmount
}

/** What a wrong value is called in the message of its error. */
export function describeValue(value: unknown): string {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? JSON.stringify(value) : `a value of type ${value === null ? 'null' : typeof value}`
}
