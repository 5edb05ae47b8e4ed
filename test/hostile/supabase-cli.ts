import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { JWK } from 'jose'

/** The Supabase CLI's own program, and why it cannot be run here. */
export interface SupabaseCli {
  readonly missing: string | undefined
  /** A private key as `supabase gen signing-key` makes it. */
  generateKey(algorithm: 'ES256' | 'RS256'): Promise<JWK>
  /** A token as `supabase gen bearer-jwt` makes it of a private key. */
  generateToken(key: JWK | undefined, flags: readonly string[]): Promise<string>
  close(): void
}

/** `nowhere`: where its telemetry would go, and every proxied request. It runs in a folder and a home of its own. */
export function openSupabaseCli(nowhere: string): SupabaseCli {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-cli-'))
  const program = findProgram()
  const proxies = Object.fromEntries(['HTTP_PROXY', 'HTTPS_PROXY', 'ALL_PROXY'].flatMap((name) => [name, name.toLowerCase()]).map((name) => [name, nowhere]))
  const env = { PATH: process.env['PATH'], HOME: folder, DO_NOT_TRACK: '1', SUPABASE_TELEMETRY_DISABLED: '1', SUPABASE_NO_UPDATE_NOTIFIER: '1', SUPABASE_TELEMETRY_POSTHOG_HOST: nowhere, NO_COLOR: '1', ...proxies }
  const run = (args: readonly string[], input = ''): Promise<string> =>
    new Promise((resolve, reject) => {
      if (program === undefined) throw new Error('the Supabase CLI is not installed')
      const child = execFile(program, args, { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout.trim())
        else reject(new Error(`supabase ${args.join(' ')}: ${stderr}`))
      })
      child.stdin?.end(input)
    })
  return {
    missing: program === undefined ? `the package supabase has no program for ${process.platform} on ${process.arch}` : undefined,
    async generateKey(algorithm) {
      return JSON.parse(await run(['gen', 'signing-key', '--algorithm', algorithm])) as JWK
    },
    generateToken: (key, flags) => run(['gen', 'bearer-jwt', ...flags], key === undefined ? '' : JSON.stringify(key)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  }
}

function findProgram(): string | undefined {
  const name = `@supabase/cli-${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    const folder = dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
    const { name: present } = createRequire(import.meta.url)(`${name}/package.json`) as { name: string }
    // Where a lock file of one platform is used on others, something else stands in for it.
    return present === name ? join(folder, 'bin', process.platform === 'win32' ? 'supabase.exe' : 'supabase') : undefined
  } catch {
    return undefined
  }
}
