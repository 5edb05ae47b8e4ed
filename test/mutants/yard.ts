import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startCluster } from '../support/cluster.ts'
import type { Mutant, TestChoice } from './mutants.ts'
import { PORT_VARIABLE } from './shared-cluster.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** What is made from the rest, and what a build that runs meanwhile writes for a moment. */
const LEFT_OUT = /^(node_modules|dist|\.git)$|\.bundled_|\.tgz$/
const RUN_MILLISECONDS = 180_000

/** A copy of the repository that may be broken, with a Postgres of its own. */
export interface Yard {
  /** @throws when the tests do not pass on the copy as it is, or one of the choices names none: nothing would be proved then. */
  expectPassing(choices: readonly TestChoice[]): Promise<number>
  /** Breaks the copy, runs the mutant's tests, mends it. */
  try(mutant: Mutant): Promise<Verdict>
  close(): Promise<void>
}

/**
 * - `caught`: a test failed, this one, with this message.
 * - `lives`: all of its tests passed.
 * - `broke`: no test came to its end, which proves nothing.
 * - `unfit`: what it replaces is not in the source, or more than once.
 */
export type Verdict = { readonly outcome: 'caught'; readonly by: string; readonly because: string; readonly seconds: number } | { readonly outcome: 'lives' | 'broke' | 'unfit'; readonly why: string; readonly seconds: number }

interface Tested {
  readonly file: string
  readonly name: string
  readonly status: string
  readonly message: string
}

interface TestRun {
  readonly tests: readonly Tested[]
  readonly log: string
}

export async function openYard(): Promise<Yard> {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-mutants-'))
  cpSync(ROOT, folder, { recursive: true, filter: (source) => !LEFT_OUT.test(basename(source)) })
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  const cluster = await startCluster()
  const run = (choices: readonly TestChoice[]) => runTests(choices, { folder, port: cluster.port })

  return {
    async expectPassing(choices) {
      const { tests, log } = await run(choices)
      const failed = tests.filter(({ status }) => status === 'failed')
      if (failed.length > 0) throw new Error(`unbroken, these fail already:\n${failed.map(({ file, name }) => `${file}: ${name}`).join('\n')}`)
      const passed = tests.filter(({ status }) => status === 'passed')
      for (const choice of choices) {
        if (!passed.some((test) => matches(test, choice))) throw new Error(`no test passes in ${choice.file} with a name like ${choice.pattern}\n${log}`)
      }
      return passed.length
    },
    async try({ caughtBy, also = [], ...edit }) {
      const started = performance.now()
      const sources = new Map<string, string>()
      try {
        for (const each of [edit, ...also]) {
          const source = readFileSync(join(folder, each.file), 'utf8')
          const places = source.split(each.find).length - 1
          if (places !== 1) return { outcome: 'unfit', why: `in ${each.file} it finds ${places} places for: ${each.find}`, seconds: 0 }
          if (!sources.has(each.file)) sources.set(each.file, source)
          writeFileSync(join(folder, each.file), source.replace(each.find, () => each.replace))
        }
        const { tests, log } = await run(caughtBy)
        const seconds = Math.round((performance.now() - started) / 100) / 10
        const failed = tests.find(({ status }) => status === 'failed')
        if (failed !== undefined) return { outcome: 'caught', by: `${failed.file}: ${failed.name}`, because: failed.message, seconds }
        const passed = tests.filter(({ status }) => status === 'passed').length
        return passed > 0 ? { outcome: 'lives', why: `${passed} tests passed`, seconds } : { outcome: 'broke', why: log, seconds }
      } finally {
        for (const [file, source] of sources) writeFileSync(join(folder, file), source)
      }
    },
    async close() {
      await cluster.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One run of vitest for all choices: a pattern counts for every file, which is why the passed ones are matched again. */
async function runTests(choices: readonly TestChoice[], { folder, port }: { readonly folder: string; readonly port: number }): Promise<TestRun> {
  const report = join(folder, 'mutant-report.json')
  rmSync(report, { force: true })
  const files = [...new Set(choices.map(({ file }) => file))]
  const pattern = choices.map((choice) => `(${choice.pattern})`).join('|')
  const args = ['run', ...files, '-t', pattern, '--config', 'test/mutants/vitest.config.ts', '--bail', '1', '--reporter=json', `--outputFile=${report}`]
  const child = spawn(process.execPath, [join(folder, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: folder,
    env: { ...withoutVitest(process.env), [PORT_VARIABLE]: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: RUN_MILLISECONDS,
    killSignal: 'SIGKILL',
  })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-4_000)))
  const end = () => child.kill()
  process.once('exit', end)
  await once(child, 'close')
  process.off('exit', end)
  return existsSync(report) ? readReport(report, { folder, log }) : { tests: [], log }
}

/** What a run inside a run must not inherit. */
function withoutVitest(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !/^(VITEST|NODE_ENV$|NODE_OPTIONS$|CREDITGATE_)/.test(name)))
}

interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string; readonly failureMessages: readonly string[] }[]
  }[]
}

function readReport(path: string, { folder, log }: { readonly folder: string; readonly log: string }): TestRun {
  const { testResults } = JSON.parse(readFileSync(path, 'utf8')) as Report
  const tests = testResults.flatMap(({ name: file, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }) => ({
      file: file.slice(file.indexOf(folder) + folder.length + 1),
      name: fullName.trim(),
      status,
      message: failureMessages[0]?.split('\n')[0] ?? '',
    })),
  )
  return { tests, log: [...testResults.map(({ message }) => message), log].filter((text) => text !== '').join('\n') }
}

function matches({ file, name }: Tested, choice: TestChoice): boolean {
  return file === choice.file && new RegExp(choice.pattern).test(name)
}
