import { availableParallelism, cpus, loadavg, totalmem } from 'node:os'
import { findVersion, readPackage } from './packages.ts'
import type { Stage } from './stage.ts'

/** Where a run was made. */
export interface Environment {
  readonly date: string
  readonly command: string
  readonly machine: {
    readonly platform: string
    readonly cpu: string
    readonly cores: number
    readonly memoryGib: number
    /** Of the last minute before the run: well above 0, others were at work. Always 0 on Windows. */
    readonly loadBefore: number
  }
  readonly versions: Readonly<Record<string, string>>
}

const PACKAGES = ['pg', '@supabase/supabase-js', 'hono', '@hono/node-server', 'express', 'rate-limiter-flexible', 'better-auth', '@better-auth/api-key']

export function readEnvironment(given: readonly string[]): Environment {
  return {
    date: new Date().toISOString(),
    command: ['npm run bench', ...(given.length > 0 ? ['--', ...given] : [])].join(' '),
    machine: {
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      memoryGib: Math.round(totalmem() / 1024 ** 3),
      loadBefore: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    },
    versions: {
      creditgate: readPackage('package.json').version ?? 'unknown',
      node: process.versions.node,
      ...Object.fromEntries(PACKAGES.map((name) => [name, findVersion(name) ?? 'not installed'])),
    },
  }
}

export function addVersions(environment: Environment, versions: Stage['versions']): Environment {
  return { ...environment, versions: { ...environment.versions, ...versions } }
}
