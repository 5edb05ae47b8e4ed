import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../../src/cli/commands.ts'
import { CONFIG_FLAGS } from '../../../src/cli/config.ts'
import { renderHelp, renderOverview } from '../../../src/cli/help.ts'
import { completeDatabaseConfig } from '../../../src/migration.ts'

const read = (file: string): string => readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8')
const docs = read('docs/cli.md')

describe('docs/cli.md', () => {
  it('shows the help of the program and of each command, word for word, and of no other', () => {
    expect([...docs.matchAll(/^```text\n(.*?)^```$/gms)].map(([, text]) => text)).toEqual([renderOverview(COMMANDS), ...COMMANDS.map(renderHelp)])
    expect([...docs.matchAll(/^## (.*)$/gm)].map(([, title]) => title).slice(1)).toEqual(COMMANDS.map(({ name }) => name))
  })

  it('names no flag that there is not', () => {
    const known = new Set(COMMANDS.flatMap(({ flags }) => Object.keys(flags)).concat(Object.keys(CONFIG_FLAGS), 'help', 'version', 'save-dev'))
    expect([...docs.matchAll(/--([a-z][a-z-]+)/g)].map(([, name]) => name).filter((name) => !known.has(name ?? ''))).toEqual([])
  })

  it('shows settings that are valid', () => {
    for (const [, json] of docs.matchAll(/^```json\n(.*?)^```$/gms)) expect(() => completeDatabaseConfig(JSON.parse(json ?? '') as object)).not.toThrow()
  })

  it('names each check of the doctor', () => {
    const examination = read('src/cli/doctor/examination.ts')
    const checks = [...examination.matchAll(/^ {2}'?([a-z-]+)'?: check/gm)].map(([, name]) => name ?? '')
    expect(checks.length).toBeGreaterThan(5)
    for (const check of [...checks, 'connection', 'schema', 'subscription-of']) expect(docs).toContain(`| \`${check}\` |`)
  })
})

it('the README names each command, and no command that there is not', () => {
  const table = /\| command \|.*\n\|[-|]+\n((?:\|.*\n)+)/.exec(read('README.md'))?.[1] ?? ''
  const named = [...table.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell]) => [...(cell ?? '').matchAll(/`([a-z ]+?)(?: [<-].*?)?`/g)].map(([, name]) => name ?? ''))
  expect(named.sort()).toEqual(COMMANDS.map(({ name }) => name).sort())
})
