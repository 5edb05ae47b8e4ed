import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createParts, isPropertyLine, type Count, type Part, type PartName } from './parts.ts'
import { runCommand } from './run-command.ts'

const HELP = `Runs what is too long for CI, one part after the other, and ends with a table of what was counted.

Usage
  npm run test:long -- [options]

Options
  --factor <n>   how much of everything, above 0 and up to 10; below 1 the mutants are those of CI; default: 1
  --only <list>  of property,winners,crash,chaos,mutants, with commas; default: all
  --seed <n>     a whole number below 2147483648, for the properties and chaos; default: a random one, printed
  --help

Exit code: 0 every part passed, 1 not, 2 wrong usage.
`

const HEARTBEAT_MILLISECONDS = 60_000
const TAIL_CHARACTERS = 8_000

interface Result {
  readonly name: PartName
  readonly passed: boolean
  readonly counts: readonly Count[]
  readonly seconds: number
}

class UsageError extends Error {}

const tell = (line: string) => process.stderr.write(`long: ${line}\n`)

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(args)
  } catch (error) {
    if (!(error instanceof UsageError) && (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    process.stderr.write(`long: ${(error as Error).message}\nTry: npm run test:long -- --help\n`)
    return 2
  }
  if (options === undefined) {
    process.stdout.write(HELP)
    return 0
  }
  ;(['SIGINT', 'SIGTERM'] as const).forEach((signal) => process.once(signal, () => process.exit(130)))

  const folder = mkdtempSync(join(tmpdir(), 'creditgate-long-'))
  const parts = createParts({ ...options, folder })
  const started = new Date()
  const results: Result[] = []
  try {
    for (const name of options.only) results.push(await runPart(name, parts[name]))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  process.stdout.write(`${started.toISOString().slice(0, 10)}, npm run test:long -- --factor ${options.factor} --only ${options.only.join(',')} --seed ${options.seed}\n\n${createTable(results)}\n`)
  for (const { name } of results.filter(({ passed }) => !passed)) process.stdout.write(`${name} failed; alone: ${parts[name].typed}\n`)
  return results.every(({ passed }) => passed) ? 0 : 1
}

async function runPart(name: PartName, { command, typed, read }: Part): Promise<Result> {
  tell(`${name}: ${typed}`)
  const started = performance.now()
  const heartbeat = setInterval(() => tell(`${name}: ${Math.round((performance.now() - started) / 60_000)} min`), HEARTBEAT_MILLISECONDS)
  const { succeeded, output, seconds } = await runCommand(command, (line) => {
    if (isPropertyLine(line)) tell(line)
  })
  clearInterval(heartbeat)
  let counts: readonly Count[] = []
  let passed = succeeded
  try {
    counts = read(output)
  } catch (error) {
    tell(`${name}: ${(error as Error).message}`)
    passed = false
  }
  if (!passed) process.stderr.write(output.slice(-TAIL_CHARACTERS))
  tell(`${name}: ${passed ? 'passed' : 'FAILED'} in ${seconds} s`)
  return { name, passed, counts, seconds }
}

function readOptions(args: readonly string[]): { readonly factor: number; readonly only: readonly PartName[]; readonly seed: number } | undefined {
  const names = Object.keys(createParts({ factor: 1, seed: 0, folder: '' })) as PartName[]
  const { values } = parseArgs({
    args: [...args],
    options: {
      factor: { type: 'string', default: '1' },
      only: { type: 'string', default: names.join(',') },
      seed: { type: 'string', default: String(randomInt(2 ** 31)) },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return undefined
  const [factor, seed] = [Number(values.factor), Number(values.seed)]
  if (!(factor > 0 && factor <= 10)) throw new UsageError(`--factor must be above 0 and at most 10; it is "${values.factor}"`)
  if (values.seed === '' || !Number.isInteger(seed) || seed < 0 || seed >= 2 ** 31) throw new UsageError(`--seed must be a whole number from 0 to 2147483647; it is "${values.seed}"`)
  const only = names.filter((name) => values.only.split(',').includes(name))
  const unknown = values.only.split(',').filter((name) => !(names as readonly string[]).includes(name))
  if (unknown.length > 0) throw new UsageError(`--only takes ${names.join(', ')}; it was given "${unknown.join(',')}"`)
  return { factor, only, seed }
}

/** Markdown, so that it can be quoted as it is. */
function createTable(results: readonly Result[]): string {
  const rows = results.flatMap(({ name, passed, counts, seconds }) => [
    ...counts.map(({ count, what }) => [name, count.toLocaleString('en'), what] as const),
    [name, `${seconds.toLocaleString('en')} s`, passed ? 'passed' : '**failed**'] as const,
  ])
  return ['| part | count | of what |', '|---|---:|---|', ...rows.map((row) => `| ${row.join(' | ')} |`)].map((line) => `${line}\n`).join('')
}
