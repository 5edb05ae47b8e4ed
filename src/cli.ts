import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { assembleMigration, type DatabaseConfig } from './migration.ts'

const HELP = `creditgate: the database side of requireCredits()

Usage
  creditgate sql  [options]     print the migration
  creditgate init [options]     write it to supabase/migrations/<timestamp>_creditgate.sql

Options
  --type <name>=<table>         a credit type and its table; may be given several times
                                default: ai=AICredits lead=LeadCredits skipTrace=SkipTraceCredits
  --subscription-table <table>  default: UserProfileSubscription
  --user-column <column>        its column with the Supabase user's id; default: userid
  --status-column <column>      its column with the status, or "none"; default: status
  --active-status <value>       a status that means active; may be given several times
                                default: active trialing
  --sweep-every <minutes>       schedule the sweep by pg_cron, where the database has it; default: not scheduled
  --prune-after <days>          that sweep also deletes reservations that ended so long ago; default: all are kept
  --config <file>               the same settings as JSON: { "creditTypes": {...}, "subscriptions": {...} }
  --dir <folder>                init: the project that has supabase/; default: the current folder
  --yes                         init: write without asking
  --help, --version

Examples
  npx creditgate init && npx supabase db push
  npx creditgate sql --user-column user_id --status-column none
  npx creditgate init --type ai=AICredits --type export=ExportCredits --yes
`

class UsageError extends Error {}

/** Runs the command line. Returns the exit code: 0 done, 1 not done, 2 wrong usage. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        type: { type: 'string', multiple: true },
        'subscription-table': { type: 'string' },
        'user-column': { type: 'string' },
        'status-column': { type: 'string' },
        'active-status': { type: 'string', multiple: true },
        'sweep-every': { type: 'string' },
        'prune-after': { type: 'string' },
        config: { type: 'string' },
        dir: { type: 'string', default: '.' },
        yes: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
      },
    })
    if (values.version) return print(readVersion())
    if (values.help || positionals[0] === 'help') return print(HELP)
    const [command, ...rest] = positionals
    if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`)
    const migration = () => createHeader() + assembleMigration(readConfig(values))
    if (command === 'sql') return print(migration())
    if (command === 'init') return await init(migration(), values)
    throw new UsageError(command === undefined ? 'which command?' : `there is no command "${command}"`)
  } catch (error) {
    const wrongUsage = error instanceof UsageError || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true || error instanceof TypeError
    process.stderr.write(`${(error as Error).message.replace(/^(?!creditgate: )/, 'creditgate: ')}\n${wrongUsage ? 'Try: creditgate --help\n' : ''}`)
    return wrongUsage ? 2 : 1
  }
}

interface ConfigFlags {
  readonly type?: readonly string[] | undefined
  readonly 'subscription-table'?: string | undefined
  readonly 'user-column'?: string | undefined
  readonly 'status-column'?: string | undefined
  readonly 'active-status'?: readonly string[] | undefined
  readonly 'sweep-every'?: string | undefined
  readonly 'prune-after'?: string | undefined
  readonly config?: string | undefined
}

/** The settings of the file, with those of the flags over them. */
function readConfig(flags: ConfigFlags): DatabaseConfig {
  const file = flags.config === undefined ? {} : readConfigFile(flags.config)
  const types = flags.type?.map((given): [string, string] => {
    const [name, table, more] = given.split('=')
    if (name === undefined || name === '' || table === undefined || table === '' || more !== undefined) throw new UsageError(`--type is given as <name>=<table>, not "${given}"`)
    return [name, table]
  })
  const subscriptions = {
    table: flags['subscription-table'],
    userColumn: flags['user-column'],
    statusColumn: flags['status-column'] === 'none' ? null : flags['status-column'],
    activeStatuses: flags['active-status'],
  }
  const given = Object.fromEntries(Object.entries(subscriptions).filter(([, value]) => value !== undefined))
  return {
    ...file,
    ...readNumber('sweepEveryMinutes', flags['sweep-every']),
    ...readNumber('pruneAfterDays', flags['prune-after']),
    ...(types === undefined ? {} : { creditTypes: Object.fromEntries(types) }),
    ...(Object.keys(given).length === 0 ? {} : { subscriptions: { ...file.subscriptions, ...given } }),
  }
}

/** What is no number becomes NaN, which the configuration refuses by the setting's name. */
function readNumber(name: keyof DatabaseConfig, given: string | undefined): DatabaseConfig {
  return given === undefined ? {} : { [name]: given.trim() === '' ? Number.NaN : Number(given) }
}

function readConfigFile(path: string): DatabaseConfig {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DatabaseConfig
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`)
  }
}

async function init(migration: string, { dir, yes }: { readonly dir: string; readonly yes: boolean }): Promise<number> {
  const folder = join(dir, 'supabase', 'migrations')
  const present = existsSync(folder) ? readdirSync(folder).sort() : []
  const earlier = present.find((file) => file.endsWith('_creditgate.sql') && readFileSync(join(folder, file), 'utf8') === migration)
  if (earlier !== undefined) return print(`Nothing to do: ${join(folder, earlier)} is this very migration.\n`)

  const file = join(folder, `${createTimestamp(present)}_creditgate.sql`)
  const lines = migration.split('\n')
  process.stdout.write(`${lines.slice(0, 12).join('\n')}\n... ${lines.length} lines in all; the whole: creditgate sql\n\nTo be written: ${file}\n`)
  if (!yes && !(await confirm())) {
    process.stderr.write('Nothing was written.\n')
    return 1
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, migration, { flag: 'wx' }) // never over a file
  return print(`Written. Next: npx supabase db push\n`)
}

async function confirm(): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError('not a terminal: add --yes to write without asking')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const answer = await terminal.question('Write it? [y/N] ')
  terminal.close()
  return /^y(es)?$/i.test(answer.trim())
}

/** A fresh version for the Supabase CLI, UTC, after every one that is there: it refuses an older one. */
function createTimestamp(present: readonly string[]): string {
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const newest = present.map((file) => /^(\d{14})_/.exec(file)?.[1] ?? '').sort().at(-1) ?? ''
  return newest < now ? now : String(BigInt(newest) + 1n)
}

function createHeader(): string {
  return `-- creditgate ${readVersion().trim()}: credits reserved, committed and refunded in your own Postgres.
-- Safe to run again. It changes no row, grant or policy of a table that is there already.
-- Undo: drop schema creditgate cascade; drop function the creditgate_* functions in public; the credit tables keep their rows.

`
}

function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return `${version}\n`
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}
