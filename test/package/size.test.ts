import { expect, it } from 'vitest'
import { measureBundleSize } from '../../bench/bundle-size.ts'

/** In bytes. Less than 15,000 are wanted: until then it may only sink, and what it has sunk to is written here. */
const MOST_GZIPPED = 17_600

it('the core and the Hono adapter, without their dependencies, weigh no more than they did', async () => {
  const { gzipped } = await measureBundleSize()
  expect(gzipped).toBeLessThan(MOST_GZIPPED)
})
