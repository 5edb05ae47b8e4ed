import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, it } from 'vitest'
import { createFault, NOT_EXECUTED, OWN_CODES, SET_UP } from '../../src/ledger/fault.ts'
import { PROBLEMS, type ProblemName } from '../../src/problem.ts'
import { createDatabase } from '../support/database.ts'
import { createAccount } from '../support/seed.ts'
import { readErrorSections } from './error-sections.ts'
import { callAs, FAULTS } from './provoked-faults.ts'
import { provoke, PROVOCATIONS } from './provoked-problems.ts'
import { listOwnFaults, listUncodedMessages } from './thrown-errors.ts'

/** docs/errors.md, schemas/problem.json and the code say the same of every error: each is read here, none is repeated. */

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
const page = read('docs/errors.md')
const wire = readErrorSections(page, 'What a client sees')
const faults = readErrorSections(page, 'What the developer sees')
const MENDED = /^Mended by (nobody|the (client|user|developer|operator)\b)/m

describe('a problem on the wire', () => {
  const schema = JSON.parse(read('schemas/problem.json')) as { readonly $id: string; readonly $defs: Readonly<Record<string, { properties: Record<string, { const?: unknown }> }>> }
  const ajv = new Ajv2020({ strict: true, formats: { 'date-time': (value: string) => !Number.isNaN(Date.parse(value)), uri: (value: string) => URL.canParse(value) } })
  ajv.addSchema(schema)
  const conforms = ajv.getSchema(schema.$id)
  // The published schema leaves room for members to come; what is there today, it names.
  const isNamedInFull = ajv.compile({ type: 'object', $ref: schema.$id, unevaluatedProperties: false })
  const names = Object.keys(PROBLEMS) as ProblemName[]

  it('has a section, and no section is of a problem that there is not', () => {
    expect(wire.flatMap(({ codes }) => codes).sort()).toEqual([...names].sort())
  })

  it('has a schema with its title and its status, and no schema is of another', () => {
    const described = Object.entries(schema.$defs).map(([name, { properties }]) => [name, properties['type']?.const, properties['status']?.const, properties['title']?.const])
    expect(described.sort()).toEqual(names.map((name) => [name, `urn:problem-type:creditgate:${name}`, PROBLEMS[name].status, PROBLEMS[name].title]).sort())
  })

  it.each(names)('%s says who mends it, and its example is what a guard answers', async (name) => {
    const [section] = wire.filter(({ codes }) => codes.includes(name))
    expect(section?.beside).toBe(String(PROBLEMS[name].status))
    expect(section?.text).toMatch(MENDED)
    const bodies = await Promise.all(PROVOCATIONS[name].map(async (provocation) => (await provoke(provocation)).body))
    expect(bodies).not.toEqual([])
    expect(section?.examples.json).not.toEqual([])
    for (const example of section?.examples.json ?? []) expect(bodies).toContainEqual(JSON.parse(example))
  })

  it.each(names)('%s has in each of its forms a body that the schema names in full, as a schema of its own', async (name) => {
    for (const provocation of PROVOCATIONS[name]) {
      const { body, status } = await provoke(provocation)
      expect(body.type).toBe(`urn:problem-type:creditgate:${name}`)
      expect({ conforms: isNamedInFull(body), errors: isNamedInFull.errors }).toEqual({ conforms: true, errors: null })
      expect(ajv.validate(`${schema.$id}#/$defs/${name}`, body)).toBe(true)
      expect(conforms?.({ ...body, status: status + 1 })).toBe(false)
    }
  })

  it.each([
    ['a problem that there is not', { type: 'urn:problem-type:creditgate:other', title: 'Other', status: 400 }],
    ['a body without a type', { title: 'Not enough credits', status: 402 }],
    ['a want of credits that does not say how many', { type: 'urn:problem-type:creditgate:insufficient-credits', title: 'Not enough credits', status: 402, creditType: 'ai', required: 5 }],
    ['a date that is none', { type: 'urn:problem-type:creditgate:insufficient-credits', title: 'Not enough credits', status: 402, creditType: 'ai', required: 5, available: 0, resetsAt: 'soon' }],
  ])('%s does not conform', (_what, body) => {
    expect(conforms?.(body)).toBe(false)
  })
})

describe('a fault', () => {
  const known: Readonly<Record<string, string>> = { ...OWN_CODES, ...Object.fromEntries(NOT_EXECUTED.map((code) => [code, 'not-executed'])), ...Object.fromEntries(Object.keys(SET_UP).map((code) => [code, 'set-up'])) }

  it('has a section, and no section is of a code that there is not', () => {
    expect(faults.flatMap(({ codes }) => codes).sort()).toEqual([...Object.keys(known), 'keys-unavailable'].sort())
  })

  it('is made in the sources with a code of the list alone, and of the kind that the list says', () => {
    const made = listOwnFaults()
    expect(made.filter(({ code, kind }) => OWN_CODES[code as keyof typeof OWN_CODES] !== kind)).toEqual([])
    expect([...new Set(made.map(({ code }) => code))].sort()).toEqual(Object.keys(OWN_CODES).sort())
  })

  it.each(faults.map((section) => [section.codes.join(', '), section] as const))('%s says its kind, who mends it, and what it looks like', (_codes, { codes, beside, text, examples }) => {
    for (const code of codes) expect(beside).toBe(code === 'keys-unavailable' ? '' : known[code])
    expect(text).toMatch(MENDED)
    expect(examples.text).toHaveLength(1)
  })

  const findExample = (code: string): string => faults.find(({ codes }) => codes.includes(code))?.examples.text[0] ?? ''

  it('of our own is provoked, each of them', () => {
    expect(Object.keys(FAULTS).sort()).toEqual([...Object.keys(OWN_CODES), 'keys-unavailable'].sort())
  })

  it.each(Object.entries(FAULTS))('%s has the message that its example shows', async (code, provokeFault) => {
    const fault = await provokeFault()
    expect(fault).toMatchObject({ code })
    const anyAddress = (message: string): string => message.replace(/https?:\/\/[^/]+/, '<url>').replace(/(cannot be used: ).*/, '$1<reason>')
    expect(anyAddress((fault as Error).message)).toBe(anyAddress(findExample(code)))
  })

  it('of the set-up has on a real database the message that its example shows', async () => {
    const [bare, migrated] = [await createDatabase('project'), await createDatabase()]
    try {
      const provoked = [await callAs(migrated.url, '-c role=authenticated'), await callAs(migrated.url, '-c default_transaction_isolation=serializable'), await callAs(bare.url, '')]
      for (const [index, code] of ['42501', '25001', '42883'].entries()) expect(provoked[index]).toMatchObject({ kind: 'set-up', code, message: findExample(code) })
      const { user } = await createAccount(migrated)
      const standby = await callAs(migrated.url, '-c default_transaction_read_only=on', user)
      expect(standby).toMatchObject({ kind: 'not-executed', code: '25006', message: findExample('25006') })
    } finally {
      await bare.drop()
      await migrated.drop()
    }
  })

  it('that asks for a person has in its example the words of the code', () => {
    const examples = faults.filter(({ codes }) => codes.some((code) => Object.hasOwn(SET_UP, code))).flatMap(({ examples: { text } }) => text)
    expect(examples).toHaveLength(5)
    for (const example of examples) {
      const [, code = '', message = ''] = /\((\w+): (.*)\)$/.exec(example) ?? []
      expect(createFault(code, message).message).toBe(example)
    }
  })
})

describe('an error without a code', () => {
  const misuse = page.slice(page.indexOf('\n## Misuse\n'))
  const rows = Array.from(misuse.matchAll(/^\| `(creditgate: [^\n]+?)`(?=[ ,])[^|]*\|/gm), ([, message]) => message ?? '')

  it('is in the table, whichever function throws it', () => {
    const messages = listUncodedMessages()
    expect(messages.length).toBeGreaterThan(8)
    expect(messages.filter(({ words }) => !rows.some((row) => words.every((part) => row.includes(part)))).map(({ file, words }) => `${file}: ${words.join(' ... ')}`)).toEqual([])
  })

  it('is thrown somewhere, if it is in the table', () => {
    expect(rows.length).toBeGreaterThan(8)
    expect(rows.filter((row) => !listUncodedMessages().some(({ words }) => words.every((part) => row.includes(part))))).toEqual([])
  })
})
