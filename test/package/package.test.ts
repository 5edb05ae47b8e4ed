import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { listPages, readPage, readSnippets } from '../docs/pages.ts'
import { createSmallProject } from './kinds/small-project.ts'

/** What is published, as a project gets it: the packed tarball, unpacked beside the packages that it needs. */

const ROOT = new URL('../../', import.meta.url).pathname
const CONSUMER = new URL('consumer/', import.meta.url).pathname
const DEPENDENCIES = ['jose', 'lru-cache', 'zod']
const USED_BESIDE = ['ai', 'ai7', 'hono', 'express', 'fastify', '@supabase/supabase-js', 'pg', 'postgres', '@electric-sql/pglite', '@types']

let work: string
let source: string
let tarball: string
let project: string
let packed: string

beforeAll(() => {
  work = realpathSync(mkdtempSync(join(tmpdir(), 'creditgate-package-')))
  // A copy, so that building does not change what other tests read, and an old build cannot stand in for a new one.
  source = join(work, 'source')
  const left = new Set(['node_modules', 'dist', '.git', 'coverage'].map((name) => join(ROOT, name)))
  cpSync(ROOT, source, { recursive: true, filter: (path) => !left.has(path) })
  symlinkSync(join(ROOT, 'node_modules'), join(source, 'node_modules'))
  run('npm', ['pack', '--offline', '--silent', '--pack-destination', work], { cwd: source })
  tarball = join(work, readdirSync(work).find((file) => file.endsWith('.tgz')) ?? '')

  project = join(work, 'project')
  packed = join(project, 'node_modules/creditgate')
  mkdirSync(packed, { recursive: true })
  run('tar', ['-xzf', tarball, '-C', packed, '--strip-components=1'])
  writeFileSync(join(project, 'package.json'), JSON.stringify({ name: 'project', private: true, type: 'module' }))
  link(project, DEPENDENCIES)
}, 180_000)
afterAll(() => rmSync(work, { recursive: true, force: true }))

function run(command: string, args: readonly string[], options: { readonly cwd?: string } = {}): string {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 120_000, ...options })
}
const node = (script: string, type: 'module' | 'commonjs' = 'module'): string => run(process.execPath, [`--input-type=${type}`, '--eval', script], { cwd: project })

function link(folder: string, names: readonly string[]): void {
  for (const name of names) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(path)) continue
    mkdirSync(dirname(path), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), path)
  }
}

const listFiles = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(join(folder, file)).isFile())
    .sort()
const manifest = (): { name: string; version: string; exports: Record<string, unknown>; dependencies: Record<string, string>; scripts: Record<string, string> } =>
  JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8')) as ReturnType<typeof manifest>

describe('the tarball', () => {
  it('holds the build, the SQL and the papers, and neither sources nor tests', () => {
    const files = listFiles(packed)
    expect(files).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'dist/index.js', 'dist/index.d.ts', 'dist/bin.js']))
    const unexpected = files.filter((file) => !/^(LICENSE|README\.md|CHANGELOG\.md|package\.json|dist\/[\w-]+\.(js|js\.map|d\.ts)|schemas\/\w+\.json|sql\/\w+\.sql|sql\/README\.md)$/.test(file))
    expect(unexpected).toEqual([])
    expect(files.filter((file) => /^sql\/.*\.sql$/.test(file))).toEqual(listFiles(join(ROOT, 'sql')).filter((file) => file.endsWith('.sql')).map((file) => `sql/${file}`))
  })

  it('names no path of the machine it was built on', () => {
    const paths = [ROOT, source, work, homedir()].map((path) => path.replace(/\/$/, '')).filter((path) => path.length > 1)
    for (const file of listFiles(packed)) {
      const text = readFileSync(join(packed, file), 'utf8')
      expect(paths.filter((path) => text.includes(`${path}/`)), file).toEqual([])
      expect(text, file).not.toMatch(/["'(]file:\/\/\//)
    }
  })

  it('runs nothing when it is installed, nor does what it depends on', () => {
    const lifecycle = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare', 'prepublishOnly', 'prepack', 'postpack', 'publish', 'postpublish', 'dependencies']
    expect(Object.keys(manifest().scripts).filter((name) => lifecycle.includes(name))).toEqual(['prepack'])
    expect(existsSync(join(packed, 'binding.gyp'))).toBe(false) // npm would compile it
    const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as { packages: Record<string, { dependencies?: Record<string, string>; hasInstallScript?: boolean }> }
    const visited = new Set<string>()
    const visit = (name: string): void => {
      if (visited.has(name)) return
      visited.add(name)
      for (const dependency of Object.keys(packages[`node_modules/${name}`]?.dependencies ?? {})) visit(dependency)
    }
    DEPENDENCIES.forEach(visit)
    expect([...visited].map((name) => [name, packages[`node_modules/${name}`]?.hasInstallScript ?? false])).toEqual(DEPENDENCIES.map((name) => [name, false]))
  })

  it('is small', () => {
    expect(statSync(tarball).size).toBeLessThan(250_000)
  })

  it('passes publint', async () => {
    const { messages } = await publint({ pack: { tarball: new Uint8Array(readFileSync(tarball)).buffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, manifest()))).toEqual([])
  })

  it('has types that resolve as its code does', () => {
    // Only ES modules are published: what CommonJS of old would see is not looked at.
    const attw = join(ROOT, 'node_modules/@arethetypeswrong/cli/dist/index.js')
    const { status, stdout, stderr } = spawnSync(process.execPath, [attw, tarball, '--profile', 'esm-only', '--no-definitely-typed', '--format', 'ascii', '--no-color'], { encoding: 'utf8' })
    expect({ status, report: stdout + stderr }).toEqual({ status: 0, report: expect.stringContaining('"creditgate/hono"') as string })
  })
})

describe('in a project that has no framework and no driver', () => {
  it('exports what is documented, and nothing by accident', () => {
    expect(JSON.parse(node(`console.log(JSON.stringify(Object.keys(await import('creditgate')).sort()))`))).toEqual([
      'LedgerFault',
      'awaitClose',
      'createGuard',
      'createResponse',
      'decideSettlement',
      'describeBody',
      'observeBody',
      'postgresLedger',
      'readAuthorization',
      'recordResponse',
      'supabaseJwt',
      'supabaseLedger',
      'watchDeparture',
    ])
  })

  it('needs its declared dependencies and no others', () => {
    expect(Object.keys(manifest().dependencies).sort()).toEqual(DEPENDENCIES)
    const imports = (file: string): string[] => ts.preProcessFile(readFileSync(join(packed, 'dist', file), 'utf8')).importedFiles.map(({ fileName }) => fileName)
    for (const file of listFiles(join(packed, 'dist')).filter((name) => /\.(js|d\.ts)$/.test(name))) {
      const host = file.startsWith('supabase-middleware.') ? '@supabase/middleware' : /^(hono|express|fastify)\.d\.ts$/.exec(file)?.[1]
      const undeclared = imports(file).filter((name) => !name.startsWith('./') && ![...DEPENDENCIES, 'creditgate', 'creditgate/fetch', host].includes(name) && !((file === 'bin.js' || file === 'testing.js') && isBuiltin(name)))
      expect(undeclared, file).toEqual([])
    }
  })

  it.each(['.', './ai', './hono', './express', './fastify', './fetch'])('imports %s', (subpath) => {
    const name = join('creditgate', subpath)
    expect(node(`console.log(Object.values(await import('${name}')).every((value) => typeof value === 'function'))`).trim()).toBe('true')
    expect(node(`console.log(import.meta.resolve('${name}').startsWith('file://${packed}/dist/'))`).trim()).toBe('true')
  })

  it('lets its package.json and its schemas be read, and nothing that is not exported', () => {
    expect(Object.keys(manifest().exports)).toEqual(['.', './ai', './express', './fastify', './fetch', './hono', './schemas/*', './supabase-middleware', './testing', './package.json'])
    expect(node(`import manifest from 'creditgate/package.json' with { type: 'json' }; console.log(manifest.version)`).trim()).toBe(manifest().version)
    expect(node(`import schema from 'creditgate/schemas/problem.json' with { type: 'json' }; console.log(schema.$id)`).trim()).toBe('urn:schema:creditgate:problem')
    expect(node(`console.log(require('creditgate/schemas/problem.json').$id)`, 'commonjs').trim()).toBe('urn:schema:creditgate:problem')
    expect(node(`import('creditgate/dist/bin.js').catch((error) => console.log(error.code))`).trim()).toBe('ERR_PACKAGE_PATH_NOT_EXPORTED')
  })

  it('can be required where Node requires ES modules, as it does from 20.19 and 22.12 on', () => {
    const script = `
      try {
        const { createGuard } = require('creditgate'), { honoCredits } = require('creditgate/hono'), { expressCredits } = require('creditgate/express')
        console.log([createGuard, honoCredits, expressCredits].every((value) => typeof value === 'function') ? 'required' : 'wrong')
      } catch (error) {
        console.log(error.code)
      }`
    const able = (process.features as { require_module?: boolean }).require_module === true
    expect(node(script, 'commonjs').trim()).toBe(able ? 'required' : 'ERR_REQUIRE_ESM')
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
    expect(able).toBe(major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19))
  })

  it('runs as a program by its name', () => {
    const bin = join(project, 'node_modules/.bin/creditgate')
    mkdirSync(dirname(bin), { recursive: true })
    symlinkSync('../creditgate/dist/bin.js', bin)
    chmodSync(join(packed, 'dist/bin.js'), 0o755) // as npm does for a bin
    expect(run(bin, ['--version']).trim()).toBe(manifest().version)
    expect(run(bin, ['sql']).endsWith(assembleMigration())).toBe(true)
    run(bin, ['init', '--yes'], { cwd: project })
    expect(readdirSync(join(project, 'supabase/migrations'))).toEqual([expect.stringMatching(/^\d{14}_creditgate\.sql$/)])
  })
})

describe('in a project with a framework', () => {
  const GUARD = `
    import { createGuard } from 'creditgate'
    const [id, answer] = ['6f1ab1b6-8b0e-4bd5-9f7b-0c3a3a0f7b11', (outcome) => async ([request]) => [{ id: request.id, outcome, subscription: 's', amounts: { ai: 2 }, balances: {} }]]
    const identity = { verify: async (token) => token === 'good' ? { outcome: 'verified', user: { id, anonymous: false, clientId: undefined, claims: {} } } : { outcome: 'rejected' } }
    const ledger = { reserve: answer('reserved'), commit: answer('committed'), refund: answer('refunded'), extend: answer('extended'), reverse: answer('reversed'), reset: answer('reset'), sweep: answer('swept'), prune: answer('pruned'), version: async () => ({ version: ${SCHEMA_VERSION}, creditTypes: ['ai'] }) }
    const done = new Promise((resolve) => globalThis.onEvent = (event) => event.type === 'settled' && resolve(event.outcome))
    const guard = createGuard({ identity, ledger, creditTypes: ['ai'], onEvent: (event) => globalThis.onEvent(event) })
    const headers = { Authorization: 'Bearer good' }`
  beforeAll(() => link(project, USED_BESIDE))

  it('guards a route of Hono', () => {
    const script = `${GUARD}
      import { honoCredits } from 'creditgate/hono'
      import { Hono } from 'hono'
      const app = new Hono().post('/', honoCredits(guard)('ai', 2), (c) => c.text(String(c.var.credits.amount)))
      const answered = await app.request('/', { method: 'POST', headers })
      console.log((await app.request('/', { method: 'POST' })).status, answered.status, await answered.text(), await done)`
    expect(node(script).trim()).toBe('401 200 2 committed')
  })

  it('guards a route of Express', () => {
    const script = `${GUARD}
      import { expressCredits } from 'creditgate/express'
      import express from 'express'
      const app = express().post('/', expressCredits(guard)('ai', 2), (req, res) => res.send(String(req.credits.amount)))
      const server = app.listen(0, '127.0.0.1', async () => {
        const url = 'http://127.0.0.1:' + server.address().port
        const answered = await fetch(url, { method: 'POST', headers })
        console.log((await fetch(url, { method: 'POST' })).status, answered.status, await answered.text(), await done)
        server.closeAllConnections()
        server.close()
      })`
    expect(node(script).trim()).toBe('401 200 2 committed')
  })
})

describe('a TypeScript project', () => {
  const snippets = listPages()
    // The page on adapters declares hosts of its own: test/contract/own-host compiles its snippets.
    .filter((page) => page === 'README.md' || (page.startsWith('docs/') && page !== 'docs/adapters.md'))
    .flatMap((page) => readSnippets(readPage(page)).map((snippet, index) => [`${page.replaceAll(/\W/g, '-')}-${index + 1}.ts`, snippet] as const))

  /** What the pages' snippets take for granted: the reader's own code, and what an earlier snippet made. */
  const TAKEN_FOR_GRANTED = `
    declare const app: import('hono').Hono
    declare const handler: import('hono').Handler
    declare const guard: import('creditgate').Guard<'ai' | 'lead' | 'skipTrace'>
    declare const credits: import('creditgate').Credits
    declare const model: Parameters<typeof import('ai').wrapLanguageModel>[0]['model']
    declare const messages: import('ai').ModelMessage[]
    declare const abortSignal: AbortSignal
    declare const requireCredits: ReturnType<typeof import('creditgate/hono').honoCredits<'ai' | 'lead' | 'skipTrace'>>
    declare function lookUp(query: unknown): Promise<object | null>
    declare function findLeads(rows: number): Promise<string[]>`

  let files: string[]
  beforeAll(() => {
    link(project, USED_BESIDE)
    const code = join(project, 'src')
    cpSync(CONSUMER, code, { recursive: true })
    // Copied files import each other with the extension of what would be emitted.
    for (const file of listFiles(code)) writeFileSync(join(code, file), readFileSync(join(code, file), 'utf8').replaceAll(/'(\.\/[\w-]+)\.ts'/g, "'$1.js'"))
    writeFileSync(join(code, 'taken-for-granted.d.ts'), TAKEN_FOR_GRANTED)
    for (const [file, snippet] of snippets) writeFileSync(join(code, file), `${snippet}\nexport {}\n`)
    files = listFiles(code).map((file) => join(code, file))
  })

  it('finds TypeScript in the README and in the other pages', () => {
    expect(snippets.filter(([file]) => file.startsWith('README-')).length).toBeGreaterThan(0)
    expect(snippets.filter(([file]) => file.startsWith('docs-')).length).toBeGreaterThan(0)
    expect(snippets.join('\n')).toMatch(/createGuard[\s\S]*honoCredits[\s\S]*expressCredits/)
  })

  it.each<[string, ts.CompilerOptions]>([
    ['nodenext', { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
    ['bundler', { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }],
  ])('checks with module resolution %s: every host, every ledger, wrong use, and each snippet of the pages', { timeout: 120_000 }, (_name, resolution) => {
    const program = ts.createProgram(files, {
      ...resolution,
      target: ts.ScriptTarget.ES2022,
      lib: ['lib.es2023.d.ts', 'lib.dom.d.ts', 'lib.dom.iterable.d.ts'],
      types: ['node'],
      typeRoots: [join(project, 'node_modules/@types')],
      strict: true,
      exactOptionalPropertyTypes: true,
      noUncheckedIndexedAccess: true,
      noEmit: true,
    })
    const resolved = program.getSourceFiles().map(({ fileName }) => fileName).filter((file) => file.includes('/creditgate/'))
    expect(resolved.map((file) => basename(file)).sort()).toEqual(['ai.d.ts', 'express.d.ts', 'fastify.d.ts', 'fetch.d.ts', 'hono.d.ts', 'index.d.ts'])
    const ours = ts.getPreEmitDiagnostics(program).filter(({ file }) => file === undefined || file.fileName.startsWith(project))
    const host = { getCurrentDirectory: () => project, getNewLine: () => '\n', getCanonicalFileName: (name: string) => name }
    expect(ts.formatDiagnostics(ours, host)).toBe('')
  })
})

describe('a small project', () => {
  const WORKED = [expect.stringMatching(/^401 .*invalid-token/) as string, '200 98 left', 'committed']
  const create = (kind: string, type: 'module' | 'commonjs') => createSmallProject(join(work, 'kinds', kind.replaceAll(/\W/g, '-')), { type, modules: join(project, 'node_modules') })

  it.each([
    ['of ES modules', 'module'],
    ['of CommonJS, by require', 'commonjs'],
  ] as const)('%s works', (kind, type) => {
    const small = create(kind, type)
    expect(/\brequire\("creditgate"\)/.test(small.writeJavaScript())).toBe(type === 'commonjs')
    expect(small.run()).toEqual(WORKED)
  })

  it.each([
    ['nodenext', 'module'],
    ['nodenext, emitting CommonJS', 'commonjs'],
    ['bundler', 'module'],
  ] as const)('of TypeScript with module resolution %s checks in full, libraries included, and works', { timeout: 120_000 }, (kind, type) => {
    const small = create(kind, type)
    expect(small.compile(kind === 'bundler' ? 'bundler' : 'nodenext')).toBe('')
    expect(small.run()).toEqual(WORKED)
  })
})
