import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readCommitted, readReserved } from '../../../src/ledger/common-answers.ts'
import { answers } from '../../../src/ledger/ledger.ts'

const type = fc.oneof(fc.constantFrom('ai', 'lead', 'skipTrace', '', 'constructor', 'toString', '1'), fc.string())
const amount = fc.oneof(fc.nat(), fc.constantFrom(Number.MAX_SAFE_INTEGER, 2_147_483_647))
const amounts = fc.dictionary(type, amount)
const integer = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constant(null))
const balance = fc.record({ remaining: integer, resetsIn: integer, resetsAt: fc.option(fc.string()) })
const SHAPES = {
  reserved: { read: readReserved, schema: answers.reserve, answer: fc.record({ id: fc.string(), outcome: fc.constant('reserved'), subscription: fc.string(), amounts, balances: fc.dictionary(type, balance) }) },
  committed: { read: readCommitted, schema: answers.commit, answer: fc.record({ id: fc.string(), outcome: fc.constant('committed'), amounts }) },
} as const

/** What may stand where something else belongs. */
const odd = fc.oneof(fc.jsonValue(), fc.constantFrom<unknown>(-1, -0, 1.5, 2 ** 53, NaN, Infinity, '1', true, undefined, '__proto__'), fc.record({ ai: fc.jsonValue() }), balance)

/** The same with one thing at any depth replaced, left out or added, now and then. */
function mutate(value: unknown, path: readonly string[], change: (holder: Record<string, unknown>, key: string) => void): unknown {
  const copy = structuredClone(value)
  let holder = copy as Record<string, unknown>
  for (const key of path.slice(0, -1)) {
    const next = Object.hasOwn(holder, key) ? holder[key] : undefined
    if (typeof next !== 'object' || next === null) return copy
    holder = next as Record<string, unknown>
  }
  change(holder, path.at(-1) ?? 'id')
  return copy
}
const key = fc.constantFrom('id', 'outcome', 'subscription', 'amounts', 'balances', 'ai', 'lead', 'remaining', 'resetsIn', 'resetsAt', 'later', '__proto__')
const path = fc.array(key, { minLength: 1, maxLength: 3 })

describe.each(Object.entries(SHAPES))('%s, read by hand,', (name, { read, schema, answer }) => {
  const expectSame = (raw: unknown): void => {
    const given = read(raw)
    if (given !== undefined) expect(schema.safeParse(raw)).toEqual({ success: true, data: given })
  }

  it('is what the schema makes of it, and not left to the schema', () => {
    fc.assert(
      fc.property(answer, (raw) => {
        fc.pre(!JSON.stringify(raw).includes('__proto__'))
        const asJson: unknown = JSON.parse(JSON.stringify(raw))
        expect(read(asJson)).toEqual(schema.parse(asJson))
      }),
    )
  })

  it('is never more than the schema accepts, nor another value, whatever is wrong with it', () => {
    const ai = { remaining: 1, resetsIn: null, resetsAt: null }
    const typical = name === 'reserved' ? { id: 'i', outcome: name, subscription: 's', amounts: { ai: 1, lead: 0 }, balances: { ai, lead: ai } } : { id: 'i', outcome: name, amounts: { ai: 1 } }
    fc.assert(
      fc.property(path, odd, fc.boolean(), (at, value, isLeftOut) => {
        expectSame(
          mutate(typical, at, (holder, last) => {
            if (isLeftOut) Reflect.deleteProperty(holder, last)
            else Object.defineProperty(holder, last, { value, enumerable: true, configurable: true, writable: true })
          }),
        )
      }),
      { numRuns: 5_000 },
    )
    fc.assert(fc.property(fc.oneof(fc.jsonValue(), odd), expectSame))
  })

  it.each<[string, object]>([
    ['an amount below 0', { amounts: { ai: -1 } }],
    ['an amount that is no whole number', { amounts: { ai: 1.5 } }],
    ['an amount that is too large to be exact', { amounts: { ai: 2 ** 53 } }],
    ['amounts in a list', { amounts: [1] }],
    ['an id that is a number', { id: 1 }],
    ['another outcome', { outcome: 'refunded' }],
    ['a member that is not known', { later: 1 }],
    ['amounts under the name of a prototype', { amounts: JSON.parse('{"__proto__": 1}') as object }],
    ['an amount that is infinite', { amounts: { ai: Infinity } }],
  ])('is left to the schema with %s', (_what, wrong) => {
    const typical = { id: 'i', outcome: name, ...(name === 'reserved' && { subscription: 's', balances: {} }), amounts: { ai: 1 } }
    expect(read(typical)).toEqual(typical)
    expect(read({ ...typical, ...wrong })).toBeUndefined()
  })
})

it.each<[string, unknown]>([
  ['a remainder that is text', { ai: { remaining: '1', resetsIn: null, resetsAt: null } }],
  ['a reset that is no whole number', { ai: { remaining: 1, resetsIn: 0.5, resetsAt: null } }],
  ['a moment that is a number', { ai: { remaining: 1, resetsIn: 1, resetsAt: 1 } }],
  ['a balance that lacks a member', { ai: { remaining: 1, resetsIn: 1 } }],
  ['a balance with a member too many', { ai: { remaining: 1, resetsIn: 1, resetsAt: null, later: 1 } }],
  ['a balance that is none', { ai: null }],
])('a reserve is left to the schema with %s', (_what, balances) => {
  expect(readReserved({ id: 'i', outcome: 'reserved', subscription: 's', amounts: {}, balances })).toBeUndefined()
})
