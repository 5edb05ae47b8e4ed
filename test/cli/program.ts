import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { build } from 'tsup'
import { expect } from 'vitest'

/** The built program, run as a user would: a process of its own, in a project of its own, with its output in a pipe. */

const ROOT = new URL('../../', import.meta.url).pathname

export interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface Program {
  /** A new project: an empty folder whose `node_modules` holds these packages. */
  createProject(...packages: readonly string[]): Project
  remove(): void
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
  readonly input?: string
}

export interface Project {
  readonly folder: string
  run(args: readonly string[], options?: RunOptions): Promise<Result>
  /** The same in a pseudo-terminal, answering one question after the other. stdout and stderr come as one. */
  converse(args: readonly string[], answers: readonly string[], options?: RunOptions): Promise<Result>
  write(path: string, text: string): void
  read(path: string): string
  list(path: string): readonly string[]
}

/** What no output may hold. Every run is checked. */
const secrets = new Set<string>()
export function keepSecret(text: string): string {
  secrets.add(text)
  return text
}

/** Builds it once, beside the SQL and the manifest as in the package. */
export async function buildProgram(): Promise<Program> {
  const home = mkdtempSync(join(tmpdir(), 'creditgate-program-'))
  const bin = join(home, 'creditgate/dist/bin.js')
  await build({ entry: { bin: join(ROOT, 'src/bin.ts') }, outDir: dirname(bin), format: 'esm', target: 'node20', platform: 'neutral', external: [/^node:/], config: false, silent: true, skipNodeModulesBundle: true })
  for (const name of ['sql', 'package.json']) symlinkSync(join(ROOT, name), join(home, 'creditgate', name))
  for (const name of ['zod', 'jose', 'lru-cache']) link(join(home, 'creditgate'), name)
  return {
    createProject(...packages) {
      const folder = mkdtempSync(join(home, 'project-'))
      for (const name of packages) link(folder, name)
      return createProject(folder, bin)
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  }
}

function link(folder: string, name: string): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
}

function createProject(folder: string, bin: string): Project {
  const environment = (given: Readonly<Record<string, string>>) => ({ PATH: process.env['PATH'] ?? '', HOME: folder, ...given })
  return {
    folder,
    run: (args, { env = {}, input = '' } = {}) => finish(spawn(process.execPath, [bin, ...args], { cwd: folder, env: environment(env) }), (child) => void child.stdin.end(input)),
    converse(args, answers, { env = {} } = {}) {
      const command = [process.execPath, bin, ...args].map((word) => `'${word}'`).join(' ')
      const child = spawn('script', ['-qec', command, '/dev/null'], { cwd: folder, env: environment({ TERM: 'xterm', SHELL: '/bin/sh', ...env }) })
      const left = [...answers]
      let seen = 0
      return finish(child, () => {
        let output = ''
        child.stdout.on('data', (chunk: Buffer) => {
          output += chunk.toString()
          // A question ends with a colon or with its choice, and a space.
          const questions = output.split(/(?:\]: |\[y\/N\] )/).length - 1
          for (; seen < questions && left.length > 0; seen += 1) child.stdin.write(left.shift() ?? '')
        })
      })
    },
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    },
    read: (path) => readFileSync(join(folder, path), 'utf8'),
    list: (path) => readdirSync(join(folder, path)).sort(),
  }
}

async function finish(child: ReturnType<typeof spawn> & { stdin: NodeJS.WritableStream }, begin: (child: { stdin: NodeJS.WritableStream }) => void): Promise<Result> {
  const output = { stdout: '', stderr: '' }
  child.stdout?.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()))
  const impatience = setTimeout(() => child.kill('SIGKILL'), 25_000)
  begin(child)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(impatience)
  for (const secret of secrets) expect(output.stdout + output.stderr).not.toContain(secret)
  return { code, ...output }
}
