import { defineConfig } from 'vitest/config'
import whole from '../../vitest.config.ts'

/** The tests as they are, on a Postgres that many runs share. A test that fails may leave behind what its hooks wait for. */
export default defineConfig({ ...whole, test: { ...whole.test, globalSetup: './test/mutants/shared-cluster.ts', hookTimeout: 15_000, maxWorkers: 1 } })
