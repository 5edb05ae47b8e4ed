import { readFileSync } from 'node:fs'

/** The version of the package. The file stands where its `package.json` is one folder up, in the source and when built. */
export function readPackageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return version
}
