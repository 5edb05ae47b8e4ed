import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { run } from '../../src/cli.ts'
import { assembleMigration } from '../../src/migration.ts'

const ROOT = new URL('../../', import.meta.url).pathname
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'creditgate-cli-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
  vi.useRealTimers()
  vi.restoreAllMocks()
})

interface Result {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs it in this process, its output caught. */
async function call(...args: string[]): Promise<Result> {
  const output = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
      output[stream] += String(chunk)
      return true
    })
  }
  try {
    return { code: await run(args), ...output, ...output }
  } finally {
    vi.restoreAllMocks()
  }
}

/** Runs it as a program, as npx does, with nobody at a terminal. */
function spawn(...args: string[]): Result {
  const { status, stdout, stderr } = spawnSync(join(ROOT, 'node_modules/.bin/tsx'), [join(ROOT, 'src/bin.ts'), ...args], { cwd: folder, encoding: 'utf8', input: 'y\n' })
  return { code: status, stdout, stderr }
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
  it('writes the migration as one new file, after a preview, and says what comes next', async () => {
    const { code, stdout, stderr } = await call('init', '--dir', folder, '--yes')
    expect([code, stderr]).toEqual([0, ''])
    const [file, ...others] = migrations()
    expect(file).toMatch(/^2[0-9]{13}_creditgate\.sql$/)
    expect(others).toEqual([])
    expect(readMigration(file)).toBe((await call('sql')).stdout)
    expect(stdout).toMatch(new RegExp(`lines in all[\\s\\S]*To be written: .*${file}[\\s\\S]*Next: npx supabase db push\\n$`))
    expect(stdout.split('\n').length).toBeLessThan(25)
  })

  it('dates the file now, in UTC', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T23:59:58.999Z') })
    await call('init', '--dir', folder, '--yes')
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
    await call('init', '--dir', folder, '--yes')
    expect(migrations()).toEqual([present, written].sort())
    expect(readMigration(present)).toBe('select 1;\n')
  })

  it('has nothing to do when that very migration is there, whatever its date', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: new Date('2026-11-24T00:00:00Z') })
    await call('init', '--dir', folder, '--yes')
    vi.setSystemTime(new Date('2027-01-01T00:00:00Z'))
    const { code, stdout } = await call('init', '--dir', folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^Nothing to do: .*20261124000000_creditgate\.sql/)
    expect(migrations()).toHaveLength(1)
  })

  it('writes a further file when the configuration changed, and never over the first', async () => {
    await call('init', '--dir', folder, '--yes')
    const [first] = migrations()
    const before = readMigration(first)
    await call('init', '--dir', folder, '--yes', '--type', 'ai=AI')
    expect(migrations()).toHaveLength(2)
    expect(readMigration(first)).toBe(before)
    expect(readMigration(migrations()[1])).toContain(`adopt_credit_table('ai', 'public', 'AI')`)
  })

  describe('at a terminal', () => {
    async function answer(text: string): Promise<Result> {
      const stdin = Object.assign(new PassThrough(), { isTTY: true })
      const original = Object.getOwnPropertyDescriptor(process, 'stdin') as PropertyDescriptor
      Object.defineProperty(process, 'stdin', { configurable: true, value: stdin })
      stdin.write(text)
      try {
        return await call('init', '--dir', folder)
      } finally {
        Object.defineProperty(process, 'stdin', original)
      }
    }

    it.each(['y\n', 'yes\n', ' Y \n'])('writes when the answer is %j', async (text) => {
      expect(await answer(text)).toMatchObject({ code: 0, stdout: expect.stringContaining('[y/N]') as string })
      expect(migrations()).toHaveLength(1)
    })

    it.each(['\n', 'n\n', 'yeah\n'])('writes nothing when the answer is %j', async (text) => {
      expect(await answer(text)).toMatchObject({ code: 1, stderr: 'Nothing was written.\n' })
      expect(existsSync(join(folder, 'supabase'))).toBe(false)
    })
  })
})

describe('help and version', () => {
  it.each([['--help'], ['-h'], ['help'], ['init', '--help']])('are printed for %s %s', async (...args) => {
    const { code, stdout } = await call(...args)
    expect(code).toBe(0)
    for (const flag of ['creditgate sql', 'creditgate init', '--type', '--subscription-table', '--user-column', '--status-column', '--active-status', '--config', '--dir', '--yes', '--help', '--version']) {
      expect(stdout).toContain(flag)
    }
  })

  it('is that of the package', async () => {
    expect(await call('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
  })
})

describe('wrong usage', () => {
  it.each<[string[], RegExp]>([
    [[], /which command\?/],
    [['drop'], /no command "drop"/],
    [['sql', 'AICredits'], /unexpected argument "AICredits"/],
    [['sql', '--typ', 'ai=AI'], /--typ/],
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
    const { code, stdout, stderr } = await call(...args, ...(args[0] === 'init' ? ['--dir', folder] : []))
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr).toMatch(/^creditgate: /)
    expect(stderr).toMatch(/Try: creditgate --help\n$/)
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

describe('as a program', () => {
  it('prints, writes, and exits with the code', () => {
    expect(spawn('sql')).toMatchObject({ code: 0, stdout: expect.stringContaining('create schema') as string, stderr: '' })
    expect(spawn('init', '--yes')).toMatchObject({ code: 0 })
    expect(migrations()).toHaveLength(1)
    expect(spawn('drop')).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('no command "drop"') as string })
  })

  it('writes nothing without --yes when there is no terminal, whatever is piped in', () => {
    expect(spawn('init')).toMatchObject({ code: 2, stderr: expect.stringContaining('add --yes') as string })
    expect(existsSync(join(folder, 'supabase'))).toBe(false)
  })
})
