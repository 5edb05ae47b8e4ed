import type { Amounts } from 'creditgate'

/** Amounts by type: a plain number stands for the one type that was reserved, and for nothing where there were several. */
export function nameAmounts(given: Amounts | number, reserved: Amounts): Amounts | undefined {
  if (typeof given !== 'number') return given
  const [type, another] = Object.keys(reserved)
  return type === undefined || another !== undefined ? undefined : { [type]: given }
}

export function namesOnly(given: Amounts, reserved: Amounts): boolean {
  return Object.keys(given).every((type) => Object.hasOwn(reserved, type))
}

export function exceeds(given: Amounts, limit: Amounts): boolean {
  return Object.entries(given).some(([type, amount]) => amount > (limit[type] ?? 0))
}

export function equalAmounts(one: Amounts | undefined, other: Amounts | undefined): boolean {
  if (one === undefined || other === undefined) return one === other
  return Object.keys(one).length === Object.keys(other).length && Object.entries(one).every(([type, amount]) => other[type] === amount)
}

export function mapAmounts(amounts: Amounts, change: (amount: number, type: string) => number): Amounts {
  return Object.fromEntries(Object.entries(amounts).map(([type, amount]) => [type, change(amount, type)]))
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
