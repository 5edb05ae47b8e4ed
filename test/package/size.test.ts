import { expect, it } from 'vitest'
import { measureBundleSize } from '../../bench/bundle-size.ts'

/** In bytes. Less than 15,000 are wanted: until then it is not to grow by accident, and what it has come to is written here. */
const MOST_GZIPPED = 17_900

it('the core and the Hono adapter, without their dependencies, weigh no more than they did', async () => {
  const { gzipped } = await measureBundleSize()
  expect(gzipped).toBeLessThan(MOST_GZIPPED)
})
