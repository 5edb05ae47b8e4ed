import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildScripts } from './library.ts'

/** Of the core and the Hono adapter in one file, without what they depend on. In bytes. */
export interface BundleSize {
  readonly minified: number
  readonly gzipped: number
}

export async function measureBundleSize(): Promise<BundleSize> {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-bundle-'))
  try {
    await buildScripts({ bundle: 'bench/bundle-entry.ts' }, { outDir: folder, minify: true, splitting: false })
    const code = readFileSync(join(folder, 'bundle.js'))
    return { minified: code.length, gzipped: gzipSync(code, { level: 9 }).length }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
