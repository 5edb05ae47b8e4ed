import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { SCHEMA_VERSION } from '../../../src/schema-version.ts'

const MAIN = readFileSync(new URL('main.ts', import.meta.url), 'utf8')

/** As strict as a project can be, and with no types but those that the package brings. */
const STRICT: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  typeRoots: [],
  types: [],
}
const RESOLUTIONS = {
  nodenext: { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext },
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
} as const

export interface SmallProject {
  /** Writes main.js in the module system of the project, unchecked. Returns it. */
  writeJavaScript(): string
  /** Checks main.ts and everything that it imports, and emits main.js. Returns what is wrong. */
  compile(resolution: keyof typeof RESOLUTIONS): string
  /** Runs main.js. Returns the lines that it prints. */
  run(): readonly string[]
}

/** A project of one file, with the installed packages of another. */
export function createSmallProject(folder: string, { type, modules }: { readonly type: 'module' | 'commonjs'; readonly modules: string }): SmallProject {
  mkdirSync(folder, { recursive: true })
  symlinkSync(modules, join(folder, 'node_modules'))
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text)
  write('package.json', JSON.stringify({ name: 'small', private: true, type }))

  return {
    writeJavaScript() {
      const module = type === 'module' ? ts.ModuleKind.ESNext : ts.ModuleKind.CommonJS
      const { outputText } = ts.transpileModule(MAIN, { compilerOptions: { module, target: ts.ScriptTarget.ES2022 } })
      write('main.js', outputText)
      return outputText
    },
    compile(resolution) {
      write('main.ts', MAIN)
      // All that main.ts needs of Node: the package's own declarations need none of @types/node.
      write('node.d.ts', 'declare const process: { readonly argv: readonly string[] }')
      const program = ts.createProgram(['main.ts', 'node.d.ts'].map((file) => join(folder, file)), { ...STRICT, ...RESOLUTIONS[resolution] })
      const diagnostics = [...ts.getPreEmitDiagnostics(program), ...program.emit().diagnostics]
      return ts.formatDiagnostics(diagnostics, { getCurrentDirectory: () => folder, getNewLine: () => '\n', getCanonicalFileName: (name) => name })
    },
    run() {
      const args = ['--disable-warning=ExperimentalWarning', 'main.js', String(SCHEMA_VERSION)]
      return execFileSync(process.execPath, args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 }).trim().split('\n')
    },
  }
}
