import { PassThrough } from 'node:stream'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { run } from '../../src/cli/run.ts'
import { createCreditsHeaders } from '../../src/headers.ts'
import { commitColumns, refundColumns, reserveColumns } from '../../src/ledger/columns.ts'
import { createLedger } from '../../src/ledger/create-ledger.ts'
import { LedgerFault } from '../../src/ledger/fault.ts'
import { answers, type Ledger } from '../../src/ledger/ledger.ts'
import { allowSeconds, createRuns } from '../property/runs.ts'
import { bytes, bytesOf } from './byte-arbitraries.ts'
import { expectQuick } from './expect-quick.ts'

/** What the database and the command line hand over, on any bytes. */

const MANY = { ci: 100_000, long: 2_500_000 }
/** Of what is made of many values, and takes its time to make. */
const SOME = { ci: 100_000, long: 500_000 }
const TIME = allowSeconds(10)

describe('an answer of the database', () => {
  const balance = { remaining: 97, resetsIn: 3600, resetsAt: '2026-12-01T00:00:00+00:00' }
  const texts = fc.constantFrom(
    JSON.stringify({ id: 'i', outcome: 'reserved', subscription: 's', amounts: { ai: 2, lead: 0 }, balances: { ai: balance, lead: { ...balance, remaining: null } } }),
    JSON.stringify({ id: 'i', outcome: 'committed', amounts: { ai: 2 } }),
    JSON.stringify({ id: 'i', outcome: 'insufficient', creditType: 'ai', required: 2, available: 1, resetsAt: null }),
    JSON.stringify({ id: 'i', outcome: 'extended', reported: { ai: 1 } }),
    JSON.stringify({ id: 'i', outcome: 'conflict', state: 'open' }),
    JSON.stringify({ subscription: 'i', outcome: 'reset', creditType: 'ai', rows: 1 }),
  )
  const parse = (text: string): unknown => {
    try {
      return JSON.parse(text)
    } catch {
      return text
    }
  }

  const inColumns = fc.constantFrom(
    JSON.stringify({ outcome: 'reserved', ids: ['i', 'j'], subscriptions: ['s', 't'], remaining: [97, null], resetsIn: [3600, null], resetsAt: ['2026-12-01T00:00:00Z', null], rest: {} }),
    JSON.stringify({ outcome: 'reserved', ids: ['i', null], subscriptions: ['s', null], remaining: [97, null], resetsIn: [3600, null], resetsAt: [null, null], rest: { 1: { id: 'j', outcome: 'no_subscription' } } }),
    JSON.stringify({ outcome: 'committed', ids: ['i', null], rest: { 1: { id: 'j', outcome: 'expired' } } }),
    JSON.stringify({ outcome: 'refunded', ids: ['i', 'j'], rest: {} }),
  )
  const asked = ['i', 'j'].map((id) => ({ id, user: 'u', amounts: { ai: 2 }, lease: 60 }))

  it('that stands in columns is what the schema would make of it', { timeout: TIME }, () => {
    let read = 0
    fc.assert(
      fc.property(bytesOf(inColumns), (text) => {
        const raw = parse(text)
        for (const [form, schema] of [[reserveColumns, answers.reserve], [commitColumns, answers.commit], [refundColumns, answers.refund]] as const) {
          for (const answer of expectQuick(() => form.decode(raw, asked))?.succeeded ?? []) {
            if (answer === undefined) continue
            read += 1
            expect(schema.safeParse(answer)).toEqual({ success: true, data: answer })
          }
        }
      }),
      createRuns('answers in columns', MANY),
    )
    expect(read).toBeGreaterThan(1000)
  })

  it('to several requests is about each of them, or a fault that says nothing is known', { timeout: TIME }, async () => {
    let raw: unknown
    const ledger = createLedger(() => Promise.resolve(raw))
    let answered = 0
    await fc.assert(
      fc.asyncProperty(fc.constantFrom('reserve', 'commit', 'refund'), bytesOf(inColumns).map(parse), async (operation, given) => {
        raw = given
        try {
          const two = operation === 'reserve' ? await ledger.reserve(asked) : operation === 'commit' ? await ledger.commit(asked.map(({ id, user, amounts }) => ({ id, user, amounts }))) : await ledger.refund(asked.map(({ id, user }) => ({ id, user })))
          expect(two.map(({ id }) => id)).toEqual(['i', 'j'])
          answered += 1
        } catch (error) {
          if (!(error instanceof LedgerFault)) throw error
          expect([error.kind, error.code]).toEqual(['unknown', 'bad-answer'])
        }
      }),
      createRuns('answers to several', MANY),
    )
    expect(answered).toBeGreaterThan(1000)
  })

  it('is one about what was asked, or a fault that says nothing is known', { timeout: TIME }, async () => {
    let raw: unknown
    const ledger = createLedger(() => Promise.resolve(raw))
    const operations: readonly [string, (ledger: Ledger) => Promise<readonly object[]>][] = [
      ['reserve', (given) => given.reserve([{ id: 'i', user: 'u', amounts: { ai: 2 }, lease: 60 }])],
      ['commit', (given) => given.commit([{ id: 'i' }])],
      ['refund', (given) => given.refund([{ id: 'i' }])],
      ['extend', (given) => given.extend([{ id: 'i', lease: 60 }])],
      ['reset', (given) => given.reset([{ subscription: 'i', creditType: 'ai', key: 'k' }])],
    ]
    const wrapped = bytesOf(texts.map((text) => `[${text}]`)).map(parse)
    let answered = 0
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...operations), fc.oneof({ weight: 4, arbitrary: wrapped }, { weight: 1, arbitrary: fc.oneof(bytes().map(parse), fc.jsonValue()) }), async ([, ask], given) => {
        raw = given
        try {
          const [answer, ...more] = await ask(ledger)
          expect(more).toEqual([])
          expect(answer).toSatisfy((one: { id?: unknown; subscription?: unknown }) => one.id === 'i' || one.subscription === 'i')
          answered += 1
        } catch (error) {
          if (!(error instanceof LedgerFault)) throw error
          expect([error.kind, error.code]).toEqual(['unknown', 'bad-answer'])
        }
      }),
      createRuns('answers of a ledger', MANY),
    )
    expect(answered).toBeGreaterThan(1000)
  })
})

it('headers are made of any balances, and for names that the database takes they are sendable', { timeout: TIME }, () => {
  const integer = fc.option(fc.maxSafeInteger())
  const balances = fc.dictionary(fc.oneof(fc.stringMatching(/^[a-z][A-Za-z0-9]{0,39}$/), bytes(5)), fc.tuple(integer, integer), { maxKeys: 3 })
  fc.assert(
    fc.property(balances, (given) => {
      const headers = expectQuick(() => createCreditsHeaders('id', Object.fromEntries(Object.entries(given).map(([type, [remaining, resetsIn]]) => [type, { remaining, resetsIn, resetsAt: null }]))))
      if (!Object.keys(given).every((type) => /^[a-z][A-Za-z0-9]{0,39}$/.test(type))) return
      for (const value of Object.values(headers)) expect(value).toMatch(/^[\x20-\x7e]*$/)
      expect(new Headers(headers).get('Access-Control-Expose-Headers')?.split(', ').filter((name) => name !== '').every((name) => name in headers)).toBe(true)
    }),
    createRuns('headers', SOME),
  )
})

describe('the command line', () => {
  const written = { stdout: '', stderr: '' }
  const folder = mkdtempSync(join(tmpdir(), 'creditgate-words-'))
  beforeAll(() => {
    for (const stream of ['stdout', 'stderr'] as const) {
      vi.spyOn(process[stream], 'write').mockImplementation((chunk) => {
        written[stream] += String(chunk)
        return true
      })
    }
  })
  afterAll(() => {
    vi.restoreAllMocks()
    rmSync(folder, { recursive: true })
  })

  /** Nothing but an exit code comes of it: 2 with a word about what is wrong, or 0 with something printed. */
  async function expectExit(args: readonly string[]): Promise<void> {
    Object.assign(written, { stdout: '', stderr: '' })
    const code = await run(args, { stdin: new PassThrough().end(), stdout: process.stdout, stderr: process.stderr, env: {}, cwd: folder })
    expect([0, 2]).toContain(code)
    if (code === 0) expect(written).toEqual({ stdout: expect.stringMatching(/./) as string, stderr: '' })
    else expect(written).toEqual({ stdout: '', stderr: expect.stringMatching(/^creditgate: [^]*Try: creditgate( [a-z]+)* --help\n$/) as string })
  }

  it('takes any words, or says what is wrong with them', { timeout: TIME }, async () => {
    await fc.assert(fc.asyncProperty(fc.array(bytes(12), { maxLength: 3 }), expectExit), createRuns('command lines of any words', SOME))
  })

  it('takes any words between its own', { timeout: TIME }, async () => {
    const word = fc.oneof(
      fc.constantFrom('sql', '--', '--type', '--type=', 'ai=', '=', 'ai=AICredits', '--user-column', '--status-column=none', '--active-status', '--sweep-every', '--sweep-every=5', '--prune-after=-1', '--config', '--config=/', '--subscription-table', '--yes', '--no-yes', '__proto__=x', '--__proto__', '--constructor=x'),
      bytes(6),
    )
    await fc.assert(fc.asyncProperty(fc.array(word, { maxLength: 5 }), expectExit), createRuns('command lines', SOME))
  })
})
