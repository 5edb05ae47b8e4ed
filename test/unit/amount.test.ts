import { expect, it } from 'vitest'
import { isAmount } from '../../src/amount.ts'
import { parsePrice } from '../../src/price.ts'

const checkAmount = (amount: unknown, maxAmount: number) => parsePrice(['ai', amount as number], { creditTypes: ['ai'], maxAmount })

it.each([0, 1, 7, 100])('accepts %d', (amount) => {
  expect(isAmount(amount, 100)).toBe(true)
  expect(() => checkAmount(amount, 100)).not.toThrow()
})

it.each<[unknown, string]>([
  [-1, '-1'],
  [1.5, '1.5'],
  [NaN, 'NaN'],
  [Infinity, 'Infinity'],
  [-Infinity, '-Infinity'],
  [2 ** 53, '9007199254740992'],
  [101, '101'],
  ['1', '"1"'],
  [null, 'null'],
  [undefined, 'undefined'],
  [true, 'boolean'],
  [1n, 'bigint'],
  [[1], 'object'],
  [new Date(0), 'object'],
])('refuses %s and says what was given', (amount, shown) => {
  expect(isAmount(amount, 100)).toBe(false)
  expect(() => checkAmount(amount, 100)).toThrow(TypeError)
  expect(() => checkAmount(amount, 100)).toThrow(/amount must be a whole number from 0 to 100/)
  expect(() => checkAmount(amount, 100)).toThrow(shown)
})

it('accepts a function, without calling it', () => {
  expect(() => checkAmount(() => expect.fail('called'), 100)).not.toThrow()
  expect(isAmount(() => 1, 100)).toBe(false)
})
