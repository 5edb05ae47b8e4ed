import { expect, it } from 'vitest'
import { z } from 'zod'
import { parseOptions } from '../../src/options.ts'

const schema = z.strictObject({ size: z.number().default(3), names: z.array(z.string()).default([]) })

it('fills in defaults in a frozen copy, and leaves what was given as it is', () => {
  const given = Object.freeze({ names: Object.freeze(['a']) })
  const parsed = parseOptions('owner', schema, given)
  expect(parsed).toEqual({ size: 3, names: ['a'] })
  expect(Object.isFrozen(parsed)).toBe(true)
  expect(given).toEqual({ names: ['a'] })
})

it('names the owner and each option that is wrong or unknown', () => {
  const parse = () => parseOptions('owner', schema, { size: 'x', names: [1], nmaes: [] })
  expect(parse).toThrow(TypeError)
  for (const part of ['creditgate: owner', 'size', 'names[0]', 'nmaes']) expect(parse).toThrow(part)
})
