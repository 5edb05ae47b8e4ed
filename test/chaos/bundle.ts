import { join } from 'node:path'
import { build } from 'tsup'

/**
 * Makes one file of a script that is started as a process of its own. Node starts it four times as fast as tsx starts the
 * sources: worth it where processes are killed by the dozen. Returns the file.
 */
export async function bundleScript(script: URL, folder: string): Promise<string> {
  await build({
    config: false,
    entry: { script: script.pathname },
    outDir: join(folder, 'bundle'),
    format: 'esm',
    platform: 'node',
    target: 'node20',
    noExternal: [/./],
    // What is bundled of CommonJS asks for `require`.
    banner: { js: "import { createRequire as createBundleRequire } from 'node:module'; const require = createBundleRequire(import.meta.url);" },
    outExtension: () => ({ js: '.mjs' }),
    silent: true,
  })
  return join(folder, 'bundle', 'script.mjs')
}
