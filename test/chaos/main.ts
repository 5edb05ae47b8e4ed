import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { isClean, runChaos, type ChaosReport } from './run-chaos.ts'

const HELP = `Breaks everything around the library while several processes spend credits, then looks whether every promise was kept.

Usage
  npm run chaos -- [options]

Options
  --seconds <n>   how long things are broken, 5 to 7200; default: 60
  --seed <text>   repeats the choices of an earlier run; default: a random one, printed
  --json          the last line is one JSON object
  --help

Exit code: 0 every promise was kept, 1 not, 2 wrong usage.
`

class UsageError extends Error {}

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  let options: { readonly seconds: number; readonly seed: string; readonly json: boolean } | undefined
  try {
    options = readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError) && (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    process.stderr.write(`chaos: ${(error as Error).message}\nTry: npm run chaos -- --help\n`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(HELP)
    return 0
  }
  // By an exit and not by the signal: what was started ends with the process only then.
  ;(['SIGINT', 'SIGTERM'] as const).forEach((signal) => process.once(signal, () => process.exit(130)))
  const { seconds, seed, json } = options
  process.stderr.write(`chaos: seed ${seed}, ${String(seconds)} s of faults\n`)
  const report = await runChaos({ seconds, seed, onProgress: (line) => process.stderr.write(`chaos: ${line}\n`) })
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : createTable(report))
  return isClean(report) ? 0 : 1
}

function readOptions(args: readonly string[]): { readonly seconds: number; readonly seed: string; readonly json: boolean } | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(randomInt(2 ** 32)) },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const seconds = Number(values.seconds)
  if (!Number.isInteger(seconds) || seconds < 5 || seconds > 7_200) throw new UsageError(`--seconds must be a whole number from 5 to 7200; it is "${values.seconds}"`)
  if (values.seed === '') throw new UsageError('--seed must not be empty')
  return { seconds, seed: values.seed, json: values.json }
}

function createTable({ details, ...report }: ChaosReport): string {
  const rows = Object.entries({ ...report, ...details }).map(([name, value]) => [name, String(value)] as const)
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}
