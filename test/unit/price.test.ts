import { describe, expect, it, vi } from 'vitest'
import { parsePrice, type Price } from '../../src/price.ts'

const known = { creditTypes: ['ai', 'lead', 'skipTrace'], maxAmount: 100 }
const parse = (...price: Price<'ai' | 'lead' | 'skipTrace', object>) => parsePrice(price, known)

describe('a price', () => {
  it('is one type and its amount, with options behind them', async () => {
    const { creditTypes, options, compute } = parse('ai', 2, { metered: true })
    expect([creditTypes, options, await compute({})]).toEqual([['ai'], { metered: true }, { ai: 2 }])
    expect(parse('ai', 2).options).toEqual({})
  })

  it('is several types at once, with options behind them', async () => {
    const { creditTypes, options, compute } = parse({ skipTrace: 1, ai: 2 }, { metered: true })
    expect([creditTypes, options, await compute({})]).toEqual([['skipTrace', 'ai'], { metered: true }, { ai: 2, skipTrace: 1 }])
  })

  it('calls each function once, with the request, and waits for it', async () => {
    const request = { rows: 3 }
    const lead = vi.fn((given: object) => Promise.resolve((given as typeof request).rows))
    expect(await parse({ ai: 1, lead }).compute(request)).toEqual({ ai: 1, lead: 3 })
    expect(lead).toHaveBeenCalledExactlyOnceWith(request)
  })

  it.each([-1, 1.5, NaN, 101, '1', undefined])('is none when a function gives %s', async (wrong) => {
    expect(await parse({ ai: 1, lead: () => wrong as number }).compute({})).toBeUndefined()
    expect(await parse('lead', () => wrong as number).compute({})).toBeUndefined()
  })

  it('passes on what a function throws', async () => {
    const error = new Error('no rows')
    await expect(parse({ ai: 1, lead: () => Promise.reject(error) }).compute({})).rejects.toBe(error)
  })

  it('leaves out a type whose amount is undefined', async () => {
    expect(await parse({ ai: 1, lead: undefined } as unknown as { ai: number }).compute({})).toEqual({ ai: 1 })
  })

  it('cannot be changed by who reads it', async () => {
    const amounts = await parse('ai', 2).compute({})
    expect(Object.isFrozen(amounts)).toBe(true)
  })

  it.each<[string, unknown[], RegExp]>([
    ['an unknown type', ['video', 1], /"video".*ai, lead, skipTrace/],
    ['an unknown type among others', [{ ai: 1, video: 1 }], /"video"/],
    ['no type at all', [{}], /at least one credit type/],
    ['a fixed amount that is none', [{ ai: 1, lead: -1 }], /0 to 100.*-1/],
    ['null', [null, 1], /a value of type null/],
    ['a list', [['ai'], 1], /"0"/],
  ])('is refused with %s', (_what, wrong, message) => {
    expect(() => parse(...(wrong as ['ai', 1]))).toThrow(TypeError)
    expect(() => parse(...(wrong as ['ai', 1]))).toThrow(message)
  })
})
