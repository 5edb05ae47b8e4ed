import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { run } from '../../../src/cli/run.ts'
import { assembleMigration } from '../../../src/migration.ts'

const ROOT = new URL('../../../', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'creditgate-cli-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  vi.useRealTimers()
})

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it in this process, with nobody at a terminal and no environment. */
function call(...args: string[]): Promise<Result> {
  return callWith({}, ...args)
}

async function callWith({ typed, env = {} }: { readonly typed?: string; readonly env?: Record<string, string> }, ...args: string[]): Promise<Result> {
  const stdin = Object.assign(new PassThrough(), { isTTY: typed !== undefined })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  if (typed !== undefined) stdin.write(typed)
  const code = await run(args, { stdin, stdout, stderr, env, cwd: folder })
  return { code, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') }
}

const migrations = (): string[] => (existsSync(join(folder, 'supabase/migrations')) ? readdirSync(join(folder, 'supabase/migrations')).sort() : [])
const readMigration = (name: string | undefined): string => readFileSync(join(folder, 'supabase/migrations', name ?? ''), 'utf8')
function addMigration(name: string): void {
  mkdirSync(join(folder, 'supabase/migrations'), { recursive: true })
  writeFileSync(join(folder, 'supabase/migrations', name), 'select 1;\n')
}

describe('creditgate sql', () => {
  it('prints the migration and nothing else', async () => {
    const { code, stdout, stderr } = await call('sql')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^-- creditgate ${version.replaceAll('.', '\\.')}: `))
    expect(stdout.endsWith(assembleMigration())).toBe(true)
  })

  it('takes other names from flags', async () => {
    const flags = ['--type', 'ai=billing.AI', '--type', 'export=Exports', '--subscription-table', 'plans', '--user-column', 'owner', '--status-column', 'state', '--active-status', 'paid', '--active-status', 'trial']
    const config = { creditTypes: { ai: 'billing.AI', export: 'Exports' }, subscriptions: { table: 'plans', userColumn: 'owner', statusColumn: 'state', activeStatuses: ['paid', 'trial'] } }
    expect((await call('sql', ...flags)).stdout.endsWith(assembleMigration(config))).toBe(true)
  })

  it('takes a schedule for the sweep, and refuses one that is none', async () => {
    expect((await call('sql', '--sweep-every', '5', '--prune-after', '30')).stdout.endsWith(assembleMigration({ sweepEveryMinutes: 5, pruneAfterDays: 30 }))).toBe(true)
    for (const flags of [['--sweep-every', '0'], ['--sweep-every', 'often'], ['--sweep-every', ''], ['--sweep-every', '5', '--prune-after', '1.5'], ['--prune-after', '30']]) {
      const { code, stdout, stderr } = await call('sql', ...flags)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/sweepEveryMinutes|pruneAfterDays/)
    }
  })

  it('takes "none" for no status column', async () => {
    expect((await call('sql', '--status-column', 'none')).stdout.endsWith(assembleMigration({ subscriptions: { statusColumn: null } }))).toBe(true)
  })

  it('takes them from a file, and flags go over it', async () => {
    const file = join(folder, 'credits.json')
    const config = { creditTypes: { ai: 'AI' }, subscriptions: { table: 'plans', userColumn: 'owner' } }
    writeFileSync(file, JSON.stringify(config))
    expect((await call('sql', '--config', file)).stdout.endsWith(assembleMigration(config))).toBe(true)
    const expected = assembleMigration({ creditTypes: { lead: 'Leads' }, subscriptions: { table: 'plans', userColumn: 'holder' } })
    expect((await call('sql', '--config', file, '--type', 'lead=Leads', '--user-column', 'holder')).stdout.endsWith(expected)).toBe(true)
  })
})

describe('creditgate init', () => {
  it('writes the settings and the migration after a preview, prints their paths, and says what comes next', async () => {
    const { code, stdout, stderr } = await call('init', '--yes')
    const [file, ...others] = migrations()
    expect(file).toMatch(/^2[0-9]{13}_creditgate\.sql$/)
    expect(others).toEqual([])
    expect(readMigration(file)).toBe((await call('sql')).stdout)
    expect([code, stdout]).toEqual([0, `${join(folder, 'creditgate.json')}\n${join(folder, 'supabase/migrations', file ?? '')}\n`])
    expect(stderr).toMatch(new RegExp(`To be written: .*creditgate.json[\\s\\S]*To be written: .*${file}[\\s\\S]*lines in all[\\s\\S]*Next: npx supabase db push\n$`))
    expect(stderr.split('\n').length).toBeLessThan(35)
    expect(JSON.parse(readFileSync(join(folder, 'creditgate.json'), 'utf8'))).toEqual({
      creditTypes: { ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits' },
      subscriptions: { table: 'UserProfileSubscription', userColumn: 'userid', statusColumn: 'status', activeStatuses: ['active', 'trialing'] },
      maxOpenReservations: 1000,
    })
  })

  it('writes settings from which it and sql make the same migration again', async () => {
    const flags = ['--type', 'ai=billing.AI', '--status-column', 'none', '--sweep-every', '5', '--prune-after', '30']
    const expected = (await call('sql', ...flags)).stdout
    await call('init', '--yes', ...flags)
    expect((await call('sql')).stdout).toBe(expected)
    expect(await call('init')).toMatchObject({ code: 0, stdout: '', stderr: expect.stringContaining('Nothing to do') as string })
  })

  it('writes a declarative schema file instead, behind those that are there, and rewrites its own', async () => {
    const schemas = join(folder, 'supabase/schemas')
    mkdirSync(schemas, { recursive: true })
    writeFileSync(join(schemas, '09_tables.sql'), 'select 1;\n')
    const { code, stdout, stderr } = await call('init', '--declarative', '--yes')
    expect([code, stdout]).toEqual([0, `${join(folder, 'creditgate.json')}\n${join(schemas, '10_creditgate.sql')}\n`])
    expect(stderr).toMatch(/neither rows nor what is revoked/)
    expect(existsSync(join(folder, 'supabase/migrations'))).toBe(false)
    expect(readFileSync(join(schemas, '10_creditgate.sql'), 'utf8')).toBe((await call('sql')).stdout)
    await call('init', '--declarative', '--yes', '--type', 'ai=AI')
    expect(readdirSync(schemas).sort()).toEqual(['09_tables.sql', '10_creditgate.sql'])
    expect(readFileSync(join(schemas, '10_creditgate.sql'), 'utf8')).toContain(`'AI'`)
  })

  it('prints one JSON document where that is asked for', async () => {
    const { stdout } = await call('init', '--yes', '--json')
    expect(JSON.parse(stdout)).toEqual({ written: [join(folder, 'creditgate.json'), join(folder, 'supabase/migrations', migrations()[0] ?? '')], unchanged: [] })
  })

  it('dates the file now, in UTC', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T23:59:58.999Z') })
    await call('init', '--dir', '.', '--yes')
    expect(migrations()).toEqual(['20261124235958_creditgate.sql'])
  })

  it.each([
    ['20991231235959_later.sql', '20991231235960_creditgate.sql'],
    ['20261124235958_same.sql', '20261124235959_creditgate.sql'],
    ['20200101000000_earlier.sql', '20261124235958_creditgate.sql'],
    ['README.md', '20261124235958_creditgate.sql'],
    ['1_short.sql', '20261124235958_creditgate.sql'],
  ])('dates the file after every migration that is there: %s', async (present, written) => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T23:59:58Z') })
    addMigration(present)
    await call('init', '--dir', '.', '--yes')
    expect(migrations()).toEqual([present, written].sort())
    expect(readMigration(present)).toBe('select 1;\n')
  })

  it('has nothing to do when that very migration is there, whatever its date', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T00:00:00Z') })
    await call('init', '--dir', '.', '--yes')
    vi.setSystemTime(new Date('2027-01-01T00:00:00Z'))
    const { code, stderr } = await call('init', '--dir', '.')
    expect(code).toBe(0)
    expect(stderr).toMatch(/^Nothing to do: .*20261124000000_creditgate\.sql/)
    expect(migrations()).toHaveLength(1)
  })

  it('writes a further file when the configuration changed, and never over the first', async () => {
    await call('init', '--dir', '.', '--yes')
    const [first] = migrations()
    const before = readMigration(first)
    await call('init', '--dir', '.', '--yes', '--type', 'ai=AI')
    expect(migrations()).toHaveLength(2)
    expect(readMigration(first)).toBe(before)
    expect(readMigration(migrations()[1])).toContain(`adopt_credit_table('ai', 'public', 'AI')`)
  })

  describe('at a terminal', () => {
    it.each(['y\n', 'yes\n', ' Y \n'])('writes when the answer is %j', async (typed) => {
      expect(await callWith({ typed }, 'init')).toMatchObject({ code: 0, stderr: expect.stringContaining('[y/N]') as string })
      expect(migrations()).toHaveLength(1)
    })

    it.each(['\n', 'n\n', 'yeah\n'])('writes nothing when the answer is %j', async (typed) => {
      expect(await callWith({ typed }, 'init')).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/nothing was written\n$/) as string })
      expect(readdirSync(folder)).toEqual([])
    })
  })

  it('writes nothing without --yes when there is no terminal', async () => {
    expect(await call('init')).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') as string })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('creditgate types add', () => {
  it('adds the type to the settings and writes a further migration', async () => {
    await call('init', '--yes', '--status-column', 'none')
    const [first] = migrations()
    const { code } = await call('types', 'add', 'export=ExportCredits', '--yes')
    expect(code).toBe(0)
    expect(migrations()).toHaveLength(2)
    expect(migrations()[0]).toBe(first)
    expect(readMigration(migrations()[1])).toContain(`adopt_credit_table('export', 'public', 'ExportCredits')`)
    expect(JSON.parse(readFileSync(join(folder, 'creditgate.json'), 'utf8'))).toMatchObject({
      creditTypes: { ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits', export: 'ExportCredits' },
      subscriptions: { statusColumn: null },
    })
    expect(await call('types', 'add', 'export=ExportCredits')).toMatchObject({ code: 0, stderr: expect.stringContaining('Nothing to do') as string })
  })

  it('refuses a type that stands on another table, and a project whose settings nobody knows', async () => {
    expect(await call('types', 'add', 'export=ExportCredits', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('creditgate init first') as string })
    await call('init', '--yes')
    expect(await call('types', 'add', 'ai=Other', '--yes')).toMatchObject({ code: 1, stderr: expect.stringContaining('stands on AICredits already') as string })
    expect(migrations()).toHaveLength(1)
  })
})

describe('help and version', () => {
  it.each([['--help'], ['-h'], ['help']])('%s lists every command, the environment and the exit codes', async (...args) => {
    const { code, stdout } = await call(...args)
    expect(code).toBe(0)
    for (const { name, summary } of COMMANDS) expect(stdout).toMatch(new RegExp(`^  ${name}[ <>=|\\w]*\\s+${summary}$`, 'm'))
    for (const word of ['DATABASE_URL', 'SUPABASE_DB_URL', 'SUPABASE_URL', 'SUPABASE_SECRET_KEY', 'SUPABASE_SERVICE_ROLE_KEY', 'NO_COLOR', '3 cannot connect']) expect(stdout).toContain(word)
  })

  it.each(COMMANDS.map((command) => [command.name, command] as const))('%s --help names each flag and argument, and has examples that are valid', async (name, { flags, takes, examples }) => {
    const { code, stdout } = await call(...name.split(' '), '--help')
    expect(code).toBe(0)
    expect(await call('help', ...name.split(' '))).toMatchObject({ code: 0, stdout })
    for (const flag of Object.keys(flags)) expect(stdout).toMatch(new RegExp(`^  --${flag}\\b`, 'm'))
    for (const argument of takes) expect(stdout).toContain(argument)
    expect(stdout).toMatch(/Exit codes: 0 .*, 1 .*, 2 wrong usage, 3 cannot connect\./)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100)
    for (const example of examples) {
      expect(example).toContain(`creditgate ${name}`)
      for (const [, flag] of example.matchAll(/creditgate[^|&#]*? --([a-z-]+)/g)) expect(Object.keys(flags)).toContain(flag)
    }
  })

  it('the version is that of the package', async () => {
    expect(await call('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('wrong usage', () => {
  it.each<[string[], RegExp]>([
    [[], /which command\?/],
    [['drop'], /no command "drop"/],
    [['sql', 'AICredits'], /unexpected argument "AICredits"/],
    [['sql', '--typ', 'ai=AI'], /there is no flag --typ; did you mean --type\?/],
    [['sql', '-x'], /there is no flag -x/],
    [['sql', '--json'], /there is no flag --json/],
    [['balanc', 'x'], /no command "balanc"; did you mean "balance"\?/],
    [['--json', 'doctor'], /the command comes first/],
    [['types'], /types what\? types add/],
    [['types', 'ad', 'a=b'], /types what/],
    [['help', 'nothing'], /no command "nothing"/],
    [['balance'], /<user\|subscription> is missing/],
    [['grant', 'x', 'ai'], /<amount> is missing/],
    [['balance', 'x', 'y'], /unexpected argument "y"/],
    [['grant', 'x', 'ai', '5'], /<subscription> is a UUID, not "x"/],
    [['grant', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'ai', '1.5'], /<amount> is a whole number of 1 to 2147483647, not "1.5"/],
    [['grant', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'ai', '0'], /<amount>/],
    [['grant', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'ai', '-5'], /no flag -5/],
    [['grant', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'ai', '5', '--reset-in-days', '0'], /--reset-in-days/],
    [['reset', 'x', 'ai'], /<subscription> is a UUID/],
    [['reverse', 'x'], /<reservation> is a UUID/],
    [['reverse', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', '--amount', 'ai'], /--amount/],
    [['reverse', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', '--amount', '1', '--amount', '2'], /--amount is given as/],
    [['sweep', '--most', '1001'], /--most is a whole number of 1 to 1000/],
    [['prune', '--older-than-days', 'x'], /--older-than-days/],
    [['history', 'x', '--limit', '0'], /--limit/],
    [['doctor', '--db-url-env', 'NO_SUCH'], /--db-url-env names a variable that is not set: NO_SUCH/],
    [['types', 'add', 'export'], /<name>=<table>/],
    [['sql', '--user-column'], /--user-column/],
    [['sql', '--type', 'AICredits'], /--type.*<name>=<table>.*"AICredits"/],
    [['sql', '--type', 'ai=A=B'], /--type.*<name>=<table>.*"ai=A=B"/],
    [['sql', '--type', '=AICredits'], /--type/],
    [['sql', '--type', 'ai='], /--type/],
    [['sql', '--type', 'Skip-Trace=SkipTraceCredits'], /Skip-Trace/],
    [['sql', '--user-column', ''], /userColumn/],
    [['sql', '--config', '/nonexistent/credits.json'], /cannot read \/nonexistent\/credits\.json/],
    [['init', '--type', 'ai=a.b.c', '--yes'], /creditTypes/],
  ])('%j exits with 2, says what is wrong and where to look', async (args, message) => {
    const { code, stdout, stderr } = await call(...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^creditgate: /)
    expect(stderr).toMatch(/Try: creditgate ([a-z]+ )*--help\n$/)
    expect(migrations()).toEqual([])
  })

  it.each<[string, string, RegExp]>([
    ['no JSON', '{ creditTypes', /cannot read .*credits\.json/],
    ['an unknown setting', '{ "creditType": {} }', /creditType/],
    ['a list', '["ai"]', /creditgate/],
  ])('a configuration file with %s exits with 2', async (_case, text, message) => {
    writeFileSync(join(folder, 'credits.json'), text)
    const { code, stdout, stderr } = await call('sql', '--config', join(folder, 'credits.json'))
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
  })
})

describe('without a database', () => {
  it.each([['balance', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11'], ['history', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11'], ['sweep'], ['prune', '--yes'], ['grant', '6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'ai', '5', '--yes']])('%s exits with 3 and says which variable to set', async (...args) => {
    expect(await call(...args)).toMatchObject({ code: 3, stdout: '', stderr: expect.stringMatching(/^creditgate: .*DATABASE_URL/) as string })
  })

  it('a driver that the project lacks is named, with the command that installs it', async () => {
    const env = { DATABASE_URL: 'postgresql://someone:s3cret-word@127.0.0.1:1/db' }
    expect(await callWith({ env }, 'sweep')).toEqual({ code: 3, stdout: '', stderr: 'creditgate: a database connection needs a driver, and this project has neither "pg" nor "postgres". Run: npm install --save-dev pg\n' })
  })

  it.each(['s3cret-word', 'mysql://someone:s3cret-word@host/db', ''])('a connection string that is none is not repeated: %j', async (given) => {
    const { code, stderr } = await callWith({ env: { DATABASE_URL: given } }, 'sweep')
    expect(code).toBe(3)
    expect(stderr).not.toContain('s3cret')
  })
})
