import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { build, type Options } from 'tsup'

/** The package as its user runs it. Not its sources through tsx, which wraps each closure in a call that keeps its name. */
export type Library = typeof import('creditgate')

const ROOT = fileURLToPath(new URL('..', import.meta.url))
// In the package's own node_modules, so that it runs with its own dependencies and not with those of the peers.
const OUT = join(ROOT, 'node_modules', '.creditgate-bench')
const SCRIPTS = ['http-server', 'memory-process'] as const

export interface BuiltLibrary extends Library {
  /** The file of a script that runs in a process of its own, built with the package. */
  readonly scripts: Readonly<Record<(typeof SCRIPTS)[number], string>>
}

export async function buildLibrary(): Promise<BuiltLibrary> {
  await buildScripts({ index: 'src/index.ts', ...Object.fromEntries(SCRIPTS.map((name) => [name, `bench/${name}.ts`])) }, { outDir: OUT })
  const library = (await import(pathToFileURL(join(OUT, 'index.js')).href)) as Library
  const scripts = Object.fromEntries(SCRIPTS.map((name) => [name, join(OUT, `${name}.js`)])) as BuiltLibrary['scripts']
  return { ...library, scripts }
}

/** With the settings that the package is published with; what it depends on stays outside. */
export async function buildScripts(entries: Readonly<Record<string, string>>, options: Pick<Options, 'outDir' | 'minify' | 'splitting'>): Promise<void> {
  await build({
    config: false,
    entry: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, join(ROOT, file)])),
    format: 'esm',
    target: 'node20',
    platform: 'node',
    splitting: true,
    clean: true,
    silent: true,
    skipNodeModulesBundle: true,
    noExternal: [/^creditgate/],
    ...options,
  })
}
