import { HELP_FLAG, type Command } from './command.ts'
import { wrapText } from './wrap-text.ts'

const EXIT_CODES = 'Exit codes: 0 done, 1 not done, 2 wrong usage, 3 cannot connect.\n'

export function renderOverview(commands: readonly Command[]): string {
  const usages = commands.map((command) => ['  ' + [command.name, ...command.takes].join(' '), command.summary] as const)
  return `creditgate: the database side of requireCredits()

Usage: creditgate <command> [arguments] [flags]

Commands
${renderPairs(usages)}
creditgate <command> --help tells more. creditgate --version

Environment, also read from .env in the current folder; what is set already wins
${renderPairs([
  ['  DATABASE_URL, SUPABASE_DB_URL', 'a direct connection; needs "pg" or "postgres" in the project'],
  ['  SUPABASE_URL, SUPABASE_SECRET_KEY', 'the Data API, where there is no direct connection; also SUPABASE_SERVICE_ROLE_KEY'],
  ['  NO_COLOR', 'no colour; there is none in a pipe either'],
])}
Results go to stdout, talk goes to stderr. No secret is printed.
${EXIT_CODES}`
}

export function renderHelp(command: Command): string {
  const flags = Object.entries({ ...command.flags, ...HELP_FLAG }).map(([name, { short, value, help }]) => [`  ${short === undefined ? '' : `-${short}, `}--${name}${value === undefined ? '' : ` ${value}`}`, help] as const)
  return `creditgate ${command.name}: ${command.summary}

Usage: creditgate ${[command.name, ...command.takes].join(' ')} [flags]

${wrapText([command.about, NEEDS[command.needs]].join(' ').trim(), COLUMNS).join('\n')}

Flags
${renderPairs(flags)}
Examples
${command.examples.map((example) => `  ${example}\n`).join('')}
${command.name === 'doctor' ? EXIT_CODES.replace('0 done, 1 not done', '0 no errors, 1 findings of severity error') : EXIT_CODES}`
}

const NEEDS = {
  files: '',
  database: 'Needs a direct database connection (DATABASE_URL).',
  'database or Data API': 'Needs a direct database connection (DATABASE_URL) or the Data API (SUPABASE_URL, SUPABASE_SECRET_KEY).',
} as const

const COLUMNS = 100

/** Two columns; what is too long for the first has its text on the next line. */
function renderPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.min(32, Math.max(...pairs.map(([name]) => name.length)))
  const indent = `\n${' '.repeat(width + 2)}`
  return pairs.map(([name, text]) => `${name.length > width ? `${name}${indent}` : name.padEnd(width + 2)}${wrapText(text, COLUMNS - width - 2).join(indent)}\n`).join('')
}
