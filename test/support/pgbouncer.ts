import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findFreePort } from './postgres-server.ts'

/** Debian's, where it is installed. */
export const HAS_PGBOUNCER = spawnSync('pgbouncer', ['--version']).status === 0

export interface PgBouncer {
  readonly url: string
  stop(): Promise<void>
}

/** A real PgBouncer in transaction mode before one database, on a free port of 127.0.0.1. */
export async function startPgBouncer(databaseUrl: string, { poolSize }: { readonly poolSize: number }): Promise<PgBouncer> {
  const { hostname, port: databasePort, username, password, pathname } = new URL(databaseUrl)
  const database = pathname.slice(1)
  const port = await findFreePort()
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-pgbouncer-'))
  chmodSync(folder, 0o755)
  const settings = join(folder, 'pgbouncer.ini')
  writeFileSync(
    settings,
    `[databases]
${database} = host=${hostname} port=${databasePort} dbname=${database} user=${username} password=${password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${poolSize}
`,
  )
  // It refuses to be root, and has no need to be anyone in particular.
  const bouncer = spawn('pgbouncer', [...(process.getuid?.() === 0 ? ['-u', 'nobody'] : []), settings], { stdio: 'ignore' })
  const ended = once(bouncer, 'exit')
  for (let attempt = 0; !(await answers(port)); attempt += 1) {
    if (attempt === 100 || bouncer.exitCode !== null) throw new Error('pgbouncer does not take connections')
    await sleep(50)
  }
  return {
    url: `postgresql://${username}@127.0.0.1:${port}/${database}`,
    async stop() {
      bouncer.kill('SIGINT')
      const killing = setTimeout(() => bouncer.kill('SIGKILL'), 5_000)
      await ended
      clearTimeout(killing)
      rmSync(folder, { recursive: true })
    },
  }
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
