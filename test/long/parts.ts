import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from './run-command.ts'

/** So many of something, as the part itself counted them. */
export interface Count {
  readonly count: number
  readonly what: string
}

export interface Part {
  readonly command: Command
  /** What a person types to repeat it alone. */
  readonly typed: string
  /** Reads what was counted. @throws when the output does not tell, which is a failure too. */
  readonly read: (output: string) => readonly Count[]
}

export interface Amounts {
  /** 1: everything. */
  readonly factor: number
  readonly seed: number
  /** For reports. */
  readonly folder: string
}

export type PartName = 'property' | 'winners' | 'crash' | 'chaos' | 'mutants'

const LONG_RUNS = 25
const WINNER_ROUNDS = 50
const CRASH_ROUNDS = 25
const CHAOS_SECONDS = 1_800
const LEAST_CHAOS_SECONDS = 5

export function createParts({ factor, seed, folder }: Amounts): Readonly<Record<PartName, Part>> {
  const scale = (amount: number, least: number) => Math.max(least, Math.round(amount * factor))
  const chaosSeconds = scale(CHAOS_SECONDS, LEAST_CHAOS_SECONDS)
  const chaos = ['--seconds', String(chaosSeconds), '--seed', String(seed), '--json']
  const cheap = factor < 1 ? ['--cheap'] : []
  return {
    property: createSuite('test/property', {
      folder,
      env: { CREDITGATE_RUNS_FACTOR: String(LONG_RUNS * factor), CREDITGATE_SEED: String(seed) },
      read: (output, passed) => [...readProperties(output), { count: passed, what: 'tests passed' }],
    }),
    winners: createSuite('test/concurrency/exact-winners.test.ts', {
      folder,
      env: { CREDITGATE_REPEAT: String(scale(WINNER_ROUNDS, 1)) },
      read: (_output, passed) => [{ count: passed, what: 'crowds with exactly as many winners as there was room for' }],
    }),
    crash: createSuite('test/recovery/crash-points.test.ts', {
      folder,
      env: { CREDITGATE_REPEAT: String(scale(CRASH_ROUNDS, 1)) },
      read: (_output, passed) => [{ count: passed, what: 'processes struck at a named point' }],
    }),
    chaos: {
      command: { args: ['--import', 'tsx', 'test/chaos/main.ts', ...chaos], withinSeconds: chaosSeconds + 600 },
      typed: `npm run chaos -- ${chaos.join(' ')}`,
      read: readChaos,
    },
    mutants: {
      command: { args: ['--import', 'tsx', 'test/mutants/run.ts', '--json', ...cheap], withinSeconds: 3_600 },
      typed: ['npx tsx test/mutants/run.ts', ...cheap].join(' '),
      read: readMutants,
    },
  }
}

interface Suite {
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  readonly read: (output: string, passed: number) => readonly Count[]
}

function createSuite(path: string, { folder, env, read }: Suite): Part {
  const report = join(folder, `${path.replaceAll('/', '-')}.json`)
  return {
    command: {
      args: ['node_modules/vitest/vitest.mjs', 'run', path, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      env,
      withinSeconds: 6 * 3_600,
    },
    typed: `${Object.entries(env).map(([name, value]) => `${name}=${value}`).join(' ')} npx vitest run ${path}`,
    read(output) {
      const { numPassedTests } = JSON.parse(readFileSync(report, 'utf8')) as { readonly numPassedTests: number }
      if (numPassedTests === 0) throw new Error('no test passed')
      return read(output, numPassedTests)
    },
  }
}

/** What a property test prints before it runs: its name, and how often. */
const PROPERTY = /^(?:property: )?(.+?)(?: runs=(\d+) seed=|: (\d+) runs, CREDITGATE_SEED=)/

export function isPropertyLine(line: string): boolean {
  return PROPERTY.test(line)
}

function readProperties(output: string): Count[] {
  const counts = output.split('\n').flatMap((line) => {
    const [, name, agreed, other] = PROPERTY.exec(line) ?? []
    return name === undefined ? [] : [{ count: Number(agreed ?? other), what: `runs: ${name}` }]
  })
  if (counts.length === 0) throw new Error('no property said how often it ran')
  return counts
}

function readChaos(output: string): Count[] {
  const report = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Readonly<Record<string, unknown>>
  if (!(Number(report['reservations']) > 0)) throw new Error('nothing was reserved')
  return Object.entries(report).flatMap(([name, value]) => (typeof value === 'number' && name !== 'seconds' ? [{ count: value, what: name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) }] : []))
}

function readMutants(output: string): Count[] {
  const verdicts = JSON.parse(output.trim().split('\n').at(-1) ?? '') as readonly { readonly name: string; readonly outcome: string }[]
  const alive = verdicts.filter(({ outcome }) => outcome !== 'caught')
  return [
    { count: verdicts.length - alive.length, what: `mutants caught, of ${verdicts.length}` },
    ...alive.map(({ name, outcome }) => ({ count: 1, what: `${outcome}: ${name}` })),
  ]
}
