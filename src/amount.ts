/** A number of credits, or a function of the host's own request that is called once, before anything is reserved. */
export type Amount<Context> = number | ((context: Context) => number | Promise<number>)

/** Whether a number may be reserved: a safe integer from 0 to the guard's maximum. */
export function isAmount(value: unknown, maxAmount: number): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= maxAmount
}

/** @throws TypeError when a fixed amount is not a whole number from 0 to `maxAmount`, or is neither number nor function. */
export function checkAmount(amount: unknown, maxAmount: number): void {
  if (typeof amount === 'function') return
  if (!isAmount(amount, maxAmount)) {
    throw new TypeError(`creditgate: requireCredits: the amount must be a whole number from 0 to ${maxAmount}, or a function of the request; it is ${describe(amount)}`)
  }
}

function describe(value: unknown): string {
  return typeof value === 'number' ? String(value) : typeof value === 'string' ? JSON.stringify(value) : `a value of type ${value === null ? 'null' : typeof value}`
}
