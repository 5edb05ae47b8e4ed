import { parseArgs } from 'node:util'
import { mutants, type Mutant } from './mutants.ts'
import { openYard, type Verdict } from './yard.ts'

const HELP = `Breaks the library on purpose, one way after the other, and expects the tests to notice.

Usage
  npx tsx test/mutants/run.ts [options]

Options
  --cheap         those that CI tries
  --only <text>   those whose name contains the text
  --json          the last line is one JSON array
  --help

Exit code: 0 each was caught, 1 not, 2 wrong usage.
`

process.exitCode = await run(process.argv.slice(2))

async function run(args: readonly string[]): Promise<number> {
  let options: ReturnType<typeof readOptions>
  try {
    options = readOptions(args)
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    process.stderr.write(`mutants: ${(error as Error).message}\n${HELP}`)
    return 2
  }
  if (options.help) {
    process.stdout.write(HELP)
    return 0
  }
  const chosen = mutants.filter(({ name, cheap }) => (!options.cheap || cheap === true) && name.includes(options.only))
  if (chosen.length === 0) {
    process.stderr.write(`mutants: none has "${options.only}" in its name\n`)
    return 2
  }
  ;(['SIGINT', 'SIGTERM'] as const).forEach((signal) => process.once(signal, () => process.exit(130)))

  let verdicts: readonly Named[]
  try {
    verdicts = await tryAll(chosen, (line) => process.stderr.write(`mutants: ${line}\n`))
  } catch (error) {
    process.stderr.write(`mutants: ${(error as Error).message}\n`)
    return 1
  }
  process.stdout.write(options.json ? `${JSON.stringify(verdicts)}\n` : createTable(verdicts))
  return verdicts.every(({ outcome }) => outcome === 'caught') ? 0 : 1
}

function readOptions(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    options: {
      cheap: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values
}

type Named = Verdict & { readonly name: string }

async function tryAll(chosen: readonly Mutant[], tell: (line: string) => void): Promise<readonly Named[]> {
  const yard = await openYard()
  const verdicts: Named[] = []
  try {
    tell(`${await yard.expectPassing(chosen.flatMap(({ caughtBy }) => caughtBy))} tests pass unbroken`)
    for (const mutant of chosen) {
      const verdict = { name: mutant.name, ...(await yard.try(mutant)) }
      verdicts.push(verdict)
      tell(`${verdicts.length}/${chosen.length} ${verdict.outcome}: ${mutant.name}${verdict.outcome === 'caught' ? '' : `\n${verdict.why}`}`)
    }
  } finally {
    await yard.close()
  }
  return verdicts
}

function createTable(verdicts: readonly Named[]): string {
  const width = Math.max(...verdicts.map(({ name }) => name.length))
  const rows = verdicts.map((verdict) => `${verdict.outcome.padEnd(6)}  ${verdict.seconds.toFixed(1).padStart(5)} s  ${verdict.name.padEnd(width)}  ${(verdict.outcome === 'caught' ? verdict.by : verdict.why).split('\n')[0] ?? ''}\n`)
  const caught = verdicts.filter(({ outcome }) => outcome === 'caught').length
  return `${rows.join('')}${caught} of ${verdicts.length} caught\n`
}
