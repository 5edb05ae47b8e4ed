import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const CLI = join(dirname(createRequire(import.meta.url).resolve('supabase/package.json')), 'dist', 'supabase.js')

/** The real Supabase CLI, where its package brings a binary for this platform. It needs no Docker for what is done here. */
export const HAS_SUPABASE_CLI = spawnSync(process.execPath, [CLI, '--version']).status === 0

/** A folder with supabase/config.toml, as `supabase init` makes it. */
export interface SupabaseProject {
  readonly folder: string
  /** The files of supabase/migrations, in order. */
  listMigrations(): readonly string[]
  /** Runs `supabase <args>` in it, with nobody at the keyboard. */
  run(...args: readonly string[]): Promise<CliRun>
  remove(): void
}

export interface CliRun {
  readonly code: number
  /** For machines. */
  readonly stdout: string
  /** For people. */
  readonly stderr: string
}

export async function createSupabaseProject(): Promise<SupabaseProject> {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-supabase-'))
  // A home of its own: nobody's login or settings, and no telemetry.
  const env = { PATH: process.env['PATH'], HOME: folder, USERPROFILE: folder, DO_NOT_TRACK: '1', SUPABASE_TELEMETRY_DISABLED: '1', NO_COLOR: '1' }
  const run = (...args: readonly string[]) =>
    new Promise<CliRun>((resolve) => {
      const child = execFile(process.execPath, [CLI, ...args], { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), stdout, stderr })
      })
      child.stdin?.end()
    })
  const { code, stderr } = await run('init', '--yes')
  if (code !== 0) throw new Error(`supabase init failed: ${stderr}`)
  return {
    folder,
    run,
    listMigrations: () => readdirSync(join(folder, 'supabase', 'migrations')).sort(),
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
