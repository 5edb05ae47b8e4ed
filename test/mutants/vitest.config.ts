import { defineConfig } from 'vitest/config'
import whole from '../../vitest.config.ts'

// Without the projects, which bring a Postgres of their own.
const settings = Object.fromEntries(Object.entries(whole.test ?? {}).filter(([name]) => name !== 'projects'))

/** The tests as they are, on a Postgres that many runs share. A test that fails may leave behind what its hooks wait for. */
export default defineConfig({
  ...whole,
  test: { ...settings, include: ['test/**/*.test.ts'], globalSetup: './test/mutants/shared-cluster.ts', hookTimeout: 15_000, maxWorkers: 1 },
})
