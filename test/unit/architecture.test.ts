import { readdirSync, readFileSync } from 'node:fs'
import { join, normalize } from 'node:path'
import ts from 'typescript'
import { expect, it } from 'vitest'

/** Arrows run one way: examples, adapters, ai -> src/index -> guard -> ports <- implementations. */

const root = new URL('../../', import.meta.url).pathname
const list = (folder: string): string[] => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => join(folder, file))
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const imports = (file: string): string[] => ts.preProcessFile(read(file)).importedFiles.map(({ fileName }) => fileName)
const targets = (file: string): string[] => imports(file).filter((name) => name.startsWith('.')).map((name) => normalize(join(file, '..', name)))
const [core, adapters, ai, testing] = [list('src'), list('adapters'), list('ai'), list('testing')]
const cli = core.filter((file) => file.startsWith('src/cli/'))
const NODE = [...cli, 'src/bin.ts', 'src/migration.ts', 'src/package-version.ts']

it.each(core)('%s imports nothing but its own kind and three libraries', (file) => {
  const allowed = (name: string): boolean => name.startsWith('./') || name.startsWith('../') || ['zod', 'jose', 'lru-cache'].includes(name) || (NODE.includes(file) && name.startsWith('node:'))
  expect(imports(file).filter((name) => !allowed(name))).toEqual([])
  expect(targets(file).filter((target) => !core.includes(target))).toEqual([])
})

it.each(adapters)('%s imports the package by its name, and the types of its host', (file) => {
  const host = file.replace(/^adapters\/(.*)\.ts$/, '$1')
  if (host === 'fetch') {
    // Its host is whatever has Request and Response.
    expect(imports(file)).toEqual(['creditgate'])
    return
  }
  if (host === 'supabase-middleware') {
    // Its entries can be made by its own function alone; it stands on the adapter of the fetch kind.
    expect(imports(file)).toEqual(['@supabase/middleware', 'creditgate', 'creditgate/fetch'])
    return
  }
  expect(imports(file).filter((name) => !['creditgate', host].includes(name))).toEqual([])
  expect(read(file)).toMatch(new RegExp(`^import type \\{[^}]*\\} from '${host}'`, 'm'))
})

it.each(ai)('%s imports the package by its name, zod, and what reads options and tells events, and nothing of the SDK', (file) => {
  expect(imports(file).filter((name) => !name.startsWith('./') && !['creditgate', 'zod', '../src/events.ts', '../src/options.ts'].includes(name))).toEqual([])
  expect(/^import \{[^}]*\} from 'creditgate'/m.test(read(file))).toBe(false)
})

it.each(testing)('%s imports the package by its name, and no test framework', (file) => {
  const allowed = (name: string): boolean => ['creditgate', '../src/schema-version.ts'].includes(name) || (file === 'testing/client.ts' && name.startsWith('node:'))
  expect(imports(file).filter((name) => !allowed(name) && !testing.includes(normalize(join(file, '..', name))))).toEqual([])
})

it('only the index re-exports, nothing imports it, and no file of the core leads back to itself', () => {
  expect(core.filter((file) => /^export .* from /m.test(read(file)))).toEqual(['src/index.ts'])
  expect(core.filter((file) => targets(file).includes('src/index.ts'))).toEqual([])
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) expect.fail(`a cycle: ${[...path, file].join(' -> ')}`)
    if (done.has(file)) return
    for (const target of targets(file)) visit(target, [...path, file])
    done.add(file)
  }
  for (const file of [...core, ...ai]) visit(file, [])
})

it('the code that a server loads never reaches what needs a file system', () => {
  const reach = (file: string): string[] => [file, ...targets(file).flatMap(reach)]
  expect(reach('src/index.ts').filter((file) => NODE.includes(file))).toEqual([])
})

it('the command line imports the core, nothing of the core imports it, and its files are short', () => {
  expect(cli.length).toBeGreaterThan(0)
  expect(core.filter((file) => !cli.includes(file) && targets(file).some((target) => cli.includes(target)))).toEqual(['src/bin.ts'])
  expect(cli.filter((file) => read(file).split('\n').length > 150)).toEqual([])
})

it('the names of the SQL functions stand in one file', () => {
  expect(core.filter((file) => /creditgate_[a-z]/.test(read(file)) && !cli.includes(file))).toEqual(['src/ledger/create-ledger.ts'])
})

it.each([...core, ...adapters, ...ai, ...testing])('%s is at most 300 lines, exports by name, and keeps no state of its own', (file) => {
  expect(read(file).split('\n').length).toBeLessThanOrEqual(300)
  expect(read(file)).not.toMatch(/^export default|^export \{[^}]*as default/m)
  expect(read(file)).not.toMatch(/^(let|var) /m)
})
