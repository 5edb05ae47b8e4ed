import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

interface PackageFile {
  readonly version?: string
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** @param path from the root of the repository. */
export function readPackage(path: string): PackageFile {
  return JSON.parse(readFileSync(locate(path), 'utf8')) as PackageFile
}

/** The version that is installed, or undefined. */
export function findVersion(name: string): string | undefined {
  const found = ['bench/node_modules', 'node_modules'].map((folder) => `${folder}/${name}/package.json`).find((path) => existsSync(locate(path)))
  return found === undefined ? undefined : readPackage(found).version
}

function locate(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url))
}
