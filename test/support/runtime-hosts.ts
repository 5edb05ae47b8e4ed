import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Host, TestCues } from 'creditgate/testing'
import { build } from 'tsup'
import { findFreePort } from './postgres-server.ts'
import type { Surroundings } from './runtimes/scenario-server.ts'

/** A runtime that is no Node: how it is started, and what it cannot show. */
export interface Runtime extends Pick<Host, 'name' | 'cannot'> {
  readonly script: 'deno' | 'bun' | 'workerd'
  /** Writes what it needs into the folder beside its script. Returns its arguments. */
  readonly arrange: (at: { readonly folder: string; readonly script: string; readonly port: number; readonly surroundings: Surroundings }) => readonly string[]
}

export interface RunningRuntime extends Host {
  /** Where it listens. */
  readonly at: string
  stop(): Promise<void>
}

const ROOT = new URL('../../', import.meta.url).pathname

export const RUNTIMES: readonly Runtime[] = [
  {
    name: 'Deno',
    script: 'deno',
    arrange: ({ script }) => ['run', '--no-prompt', '--no-config', '--no-lock', '--cached-only', '--allow-net=127.0.0.1', '--allow-env=AUTH_URL,API_URL,API_KEY,PORT', script],
  },
  {
    name: 'Bun',
    script: 'bun',
    cannot: { 'early-headers': 'it sends the headers of a stream with its first chunk' },
    arrange: ({ script }) => ['run', '--no-install', script],
  },
  {
    name: 'workerd',
    script: 'workerd',
    cannot: { 'idle-leave': 'it does not look at a connection that was closed in order before it writes to it' },
    arrange({ folder, port, surroundings }) {
      const bindings = Object.entries(surroundings).map(([name, text]) => `(name = ${JSON.stringify(name)}, text = ${JSON.stringify(text)})`)
      writeFileSync(
        join(folder, 'config.capnp'),
        `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker), (name = "network", network = (allow = ["private"]))],
  sockets = [(name = "http", address = "127.0.0.1:${port}", http = (), service = "main")],
);
const worker :Workerd.Worker = (
  modules = [(name = "script", esModule = embed "script.mjs")],
  compatibilityDate = "2026-11-01",
  compatibilityFlags = ["enable_request_signal"],
  bindings = [${bindings.join(', ')}],
  globalOutbound = "network",
);
`,
      )
      return ['serve', join(folder, 'config.capnp')]
    },
  },
]

/** Starts a runtime that serves every scenario, on a free port of 127.0.0.1. */
export async function startRuntime({ name, cannot = {}, script, arrange }: Runtime, surroundings: Surroundings): Promise<RunningRuntime> {
  const folder = mkdtempSync(join(tmpdir(), `creditgate-${script}-`))
  const port = await findFreePort()
  const file = await bundle(script, folder)
  const log = join(folder, 'log')
  const child = spawn(findBinary(script), arrange({ folder, script: file, port, surroundings }), {
    cwd: folder,
    env: { ...process.env, ...surroundings, PORT: String(port), DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: some packages start their binary by a script, which would leave it behind.
    detached: true,
  })
  writeFileSync(log, '')
  for (const output of [child.stdout, child.stderr]) output.on('data', (chunk: Buffer) => writeFileSync(log, chunk, { flag: 'a' }))
  const killOnExit = () => process.kill(-(child.pid ?? 0), 'SIGKILL')
  process.once('exit', killOnExit)
  const at = `http://127.0.0.1:${port}`
  for (let attempt = 0; !(await fetch(`${at}/cues`).then(({ ok }) => ok, () => false)); attempt += 1) {
    if (attempt === 200 || child.exitCode !== null) throw new Error(`${name} did not start:\n${readFileSync(log, 'utf8')}`)
    await sleep(50)
  }
  return {
    name,
    cannot,
    at,
    // The guard and the handler are in the other process, which finds them by the scenario's name.
    serve(_guard, route) {
      const run = crypto.randomUUID()
      return Promise.resolve({ at, headers: { Scenario: encodeURIComponent(route.name), Run: run }, cues: createRemoteCues(at, run), close: () => Promise.resolve() })
    },
    async stop() {
      process.off('exit', killOnExit)
      const exited = once(child, 'exit')
      killOnExit()
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function createRemoteCues(at: string, run: string): TestCues {
  const ask = async (query: Record<string, string>) => (await fetch(`${at}/cues?${new URLSearchParams({ run, ...query }).toString()}`)).text()
  return {
    async give(cue) {
      await ask({ give: cue })
    },
    count: async (mark) => Number(await ask({ count: mark })),
  }
}

/** The package of that name brings the binary along. */
function findBinary(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly bin: string | Readonly<Record<string, string>> }
  return join(manifest, '..', typeof bin === 'string' ? bin : (bin[name] ?? ''))
}

/** One file that needs nothing of Node's: `node:http` stands in the half of a scenario that is the test's, and is never asked for. */
async function bundle(script: string, folder: string): Promise<string> {
  await build({
    config: false,
    entry: { script: join(ROOT, `test/support/runtimes/${script}.ts`) },
    tsconfig: join(ROOT, 'tsconfig.json'),
    outDir: folder,
    format: 'esm',
    platform: 'neutral',
    target: 'es2022',
    noExternal: [/^(?!node:)/],
    external: [/^node:/],
    splitting: false,
    outExtension: () => ({ js: '.mjs' }),
    silent: true,
  })
  return join(folder, 'script.mjs')
}
