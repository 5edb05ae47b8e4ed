import { defineConfig } from 'tsup'

export default defineConfig({
  entry: { index: 'src/index.ts', express: 'adapters/express.ts', hono: 'adapters/hono.ts', bin: 'src/bin.ts' },
  format: 'esm',
  target: 'node20',
  platform: 'neutral',
  dts: { entry: { index: 'src/index.ts', express: 'adapters/express.ts', hono: 'adapters/hono.ts' } },
  clean: true,
  sourcemap: true,
  splitting: true,
  // An adapter imports the package by its own name, as a third party's would.
  external: ['creditgate', /^node:/],
})
