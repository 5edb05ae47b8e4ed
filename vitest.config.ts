import { defineConfig } from 'vitest/config'

const source = (path: string) => new URL(path, import.meta.url).pathname

const CHAOS = 'test/recovery/chaos.test.ts'

export default defineConfig({
  resolve: {
    alias: [
      { find: /^creditgate$/, replacement: source('./src/index.ts') },
      { find: /^creditgate\/ai$/, replacement: source('./ai/index.ts') },
      { find: /^creditgate\/testing$/, replacement: source('./testing/index.ts') },
      { find: /^creditgate\/(.*)$/, replacement: source('./adapters/$1.ts') },
    ],
  },
  test: {
    // Chaos fills both cores by itself, and its floors are counts within a time: it runs alone, after the rest.
    projects: [
      { extends: true, test: { name: 'suite', include: ['test/**/*.test.ts'], exclude: ['**/node_modules/**', CHAOS], globalSetup: './test/support/global-setup.ts', sequence: { groupOrder: 0 } } },
      { extends: true, test: { name: 'chaos', include: [CHAOS], sequence: { groupOrder: 1 } } },
    ],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    passWithNoTests: false,
    allowOnly: process.env['CI'] === undefined,
  },
})
