import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'

/** What stands between the sources and a user's node_modules: the lock file, the workflows, and what CI runs. */

const ROOT = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

interface Step {
  readonly uses?: string
  readonly run?: string
  readonly with?: Readonly<Record<string, unknown>>
}
interface Workflow {
  readonly on: Readonly<Record<string, unknown>>
  readonly permissions: Readonly<Record<string, string>>
  readonly jobs: Readonly<Record<string, { readonly uses?: string; readonly needs?: string; readonly permissions?: Readonly<Record<string, string>>; readonly steps?: readonly Step[] }>>
}

const WORKFLOWS = readdirSync(join(ROOT, '.github/workflows'))
const readWorkflow = (file: string): Workflow => parse(read(`.github/workflows/${file}`), { strict: true, uniqueKeys: true }) as Workflow
const listSteps = (workflow: Workflow): readonly Step[] => Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps)

describe.each(WORKFLOWS)('the workflow %s', (file) => {
  const workflow = readWorkflow(file)

  it('takes actions by commit alone, with the version in words beside it', () => {
    const used = Array.from(read(`.github/workflows/${file}`).matchAll(/uses: (\S+)(.*)/g), ([, action = '', comment = '']) => ({ action, comment }))
    expect(used.length).toBeGreaterThan(0)
    for (const { action, comment } of used.filter(({ action }) => !action.startsWith('./'))) {
      expect(action).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
      expect(comment).toMatch(/^ # v\d+\.\d+\.\d+$/)
    }
  })

  it('may read and no more, keeps no credentials, and puts nothing that a stranger writes into a command', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target')
    for (const step of listSteps(workflow)) {
      expect(step.run ?? '').not.toContain('${{')
      if (step.uses?.startsWith('actions/checkout@') === true) expect(step.with).toMatchObject({ 'persist-credentials': false })
    }
  })
})

it('CI runs on each change, and on the oldest Node that is supported, what the repository says a change must pass', () => {
  const { on, jobs } = readWorkflow('ci.yml')
  expect(Object.keys(on).sort()).toEqual(['pull_request', 'push', 'workflow_call'])
  expect(jobs['run']?.steps?.at(-1)?.run).toBe('bash .ci/run')
  const { strategy } = jobs['run'] as unknown as { strategy: { matrix: { node: number[] } } }
  expect(String(strategy.matrix.node[0])).toBe(/\d+/.exec((JSON.parse(read('package.json')) as { engines: { node: string } }).engines.node)?.[0])
})

it('a release is what passed CI, is published with its provenance by no stored secret, and only that job may sign', () => {
  const { jobs } = readWorkflow('release.yml')
  const { ci, publish, ...others } = jobs
  expect(others).toEqual({})
  expect(ci).toEqual({ uses: './.github/workflows/ci.yml' })
  expect(publish).toMatchObject({ needs: 'ci', environment: 'release', permissions: { contents: 'read', 'id-token': 'write' } })
  expect(publish?.steps?.map(({ run }) => run).filter((run) => run !== undefined).slice(-2)).toEqual(['npm ci --ignore-scripts', 'npm publish --provenance --access public'])
  expect(read('.github/workflows/release.yml')).not.toContain('secrets.')
})

it('each lock file is kept up to date, and so are the actions', () => {
  const { version, updates } = parse(read('.github/dependabot.yml'), { strict: true }) as { version: number; updates: { 'package-ecosystem': string; directory: string }[] }
  expect(version).toBe(2)
  const watched = updates.map((update) => `${update['package-ecosystem']} ${update.directory}`)
  const locks = ['.', ...readdirSync(ROOT, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'node_modules').map(({ name }) => name)].filter((folder) => existsSync(join(ROOT, folder, 'package-lock.json')))
  expect(watched.sort()).toEqual([...locks.map((folder) => `npm ${folder === '.' ? '/' : `/${folder}`}`), 'github-actions /'].sort())
})

it.each(['package-lock.json', 'bench/package-lock.json'])('%s holds every package to a hash', (file) => {
  const { packages } = JSON.parse(read(file)) as { packages: Record<string, { integrity?: string; link?: boolean; inBundle?: boolean }> }
  const held = Object.entries(packages).filter(([path, { link, inBundle }]) => path !== '' && link !== true && inBundle !== true)
  expect(held.length).toBeGreaterThan(0)
  expect(held.filter(([, { integrity }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity ?? '')).map(([path]) => path)).toEqual([])
})

it('what a change must pass begins with the locked packages and their signatures, and leaves out none of the checks', () => {
  const commands = read('.ci/run').split('\n').filter((line) => /^(npm|npx|bash) /.test(line))
  expect(commands.slice(0, 2)).toEqual(['npm ci', 'bash .ci/audit-signatures'])
  expect(commands.join('\n')).toMatch(/npx knip\nnpx publint run "\$tarball" --strict\nnpx attw "\$tarball"[^\n]*\nnpm test /)
})

describe('the check of signatures', () => {
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-audit-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Runs it with an npm that says this, in the words of npm 11, and ends like that. */
  function audit(output: string, code: number): { readonly status: number | null; readonly stdout: string } {
    writeFileSync(join(folder, 'npm'), `#!/usr/bin/env bash\ncat <<'END'\n${output}\nEND\nexit ${code}\n`)
    chmodSync(join(folder, 'npm'), 0o755)
    const { status, stdout } = spawnSync('bash', [join(ROOT, '.ci/audit-signatures')], { encoding: 'utf8', env: { ...process.env, PATH: `${folder}:${process.env['PATH'] ?? ''}` } })
    return { status, stdout }
  }

  it('passes when all are verified, and says how many', () => {
    expect(audit('audited 640 packages in 6s\n\n640 packages have verified registry signatures', 0)).toEqual({ status: 0, stdout: expect.stringContaining('640 packages have verified') as string })
  })

  it.each([
    '1 package has an \u001b[91minvalid\u001b[39m registry signature:\n\nx@1.0.0\n\nSomeone might have tampered with this package since it was published on the registry!',
    '2 packages have \u001b[91mmissing\u001b[39m registry signatures but the registry is providing signing keys:\n\nx@1.0.0\ny@1.0.0',
    '1 package has an invalid attestation:\n\nx@1.0.0',
  ])('fails when one is wrong or missing, and names it', (output) => {
    expect(audit(output, 1)).toEqual({ status: 1, stdout: expect.stringContaining('x@1.0.0') as string })
  })

  it.each([
    ['npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error network In most cases you are behind a proxy', 'code ENOTFOUND'],
    ['npm error found no dependencies to audit that were installed from a supported registry', 'found no dependencies to audit that were installed from a supported registry'],
    ['', 'it gave no verdict'],
  ])('does not fail for want of a network or of keys, and says why it was skipped', (output, reason) => {
    expect(audit(output, 1)).toEqual({ status: 0, stdout: `skipped: npm audit signatures (${reason})\n` })
  })
})
