import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { findVersion, readPackage } from './packages.ts'
import type { Say } from './progress.ts'

/** Installs the peers as the lock file has them, unless they are there. */
export function installPeers(say: Say): void {
  const { devDependencies = {} } = readPackage('bench/package.json')
  if (Object.entries(devDependencies).every(([name, version]) => findVersion(name) === version)) return
  say(`installing in bench/, once: ${Object.keys(devDependencies).join(', ')}`)
  // Whatever npm prints goes to stderr: stdout holds the results alone.
  execFileSync('npm', ['ci', '--no-audit', '--no-fund'], { cwd: fileURLToPath(new URL('.', import.meta.url)), stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
}
