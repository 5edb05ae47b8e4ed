import { defineConfig } from 'tsup'

const LIBRARY = { index: 'src/index.ts', ai: 'ai/index.ts', express: 'adapters/express.ts', fastify: 'adapters/fastify.ts', fetch: 'adapters/fetch.ts', hono: 'adapters/hono.ts', testing: 'testing/index.ts' }

export default defineConfig({
  entry: { ...LIBRARY, bin: 'src/bin.ts' },
  format: 'esm',
  target: 'node20',
  platform: 'neutral',
  dts: { entry: LIBRARY },
  clean: true,
  sourcemap: true,
  splitting: true,
  // An adapter imports the package by its own name, as a third party's would.
  external: ['creditgate', /^node:/],
})
