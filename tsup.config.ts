import { defineConfig, type Options } from 'tsup'

const LIBRARY = {
  index: 'src/index.ts',
  ai: 'ai/index.ts',
  express: 'adapters/express.ts',
  fastify: 'adapters/fastify.ts',
  fetch: 'adapters/fetch.ts',
  hono: 'adapters/hono.ts',
  'supabase-middleware': 'adapters/supabase-middleware.ts',
}

const COMMON: Options = {
  format: 'esm',
  target: 'node20',
  platform: 'neutral',
  // An adapter imports the package by its own name, as a third party's would.
  external: ['creditgate', /^creditgate\//, '@supabase/middleware', /^node:/],
  removeNodeProtocol: false,
}

// What a server loads has maps; what runs at a developer's side alone does without, since they are most of the package's size.
export default defineConfig([
  { ...COMMON, entry: LIBRARY, dts: { entry: LIBRARY }, sourcemap: true, splitting: true, clean: ['!bin.js', '!testing.js', '!testing.d.ts'] },
  { ...COMMON, entry: { testing: 'testing/index.ts', bin: 'src/bin.ts' }, dts: { entry: { testing: 'testing/index.ts' } }, splitting: false },
])
