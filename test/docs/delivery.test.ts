import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { decideSettlement, type Outcome, type Settlement, type Statement } from '../../src/outcome.ts'

/** The table of what a response costs stands once in the README and once in code: each row of it is what the code decides. */

const REFUND: Settlement = { outcome: 'refund' }
const commit = (ai: number): Settlement => ({ outcome: 'commit', amounts: { ai } })
const finished: Outcome = { status: 200, threw: false, ended: 'finished', started: true }
const fixed: Statement = { reserved: { ai: 10 }, actual: undefined, refund: false, reported: undefined, metered: false }
const reported: Statement = { ...fixed, reported: { ai: 3 }, metered: true }
const actual: Statement = { ...fixed, actual: { ai: 4 } }

const MEANT: Readonly<Record<string, readonly (readonly [Outcome, Statement, Settlement])[]>> = {
  "finished, below 400 | commit: the handler's `commit(actual)`, else what a metered one reported, else all": [
    [finished, actual, commit(4)],
    [finished, reported, commit(3)],
    [finished, fixed, commit(10)],
  ],
  '400 or above, or the handler threw, even if an error handler answers 200 | refund': [
    [{ ...finished, status: 400 }, actual, REFUND],
    [{ ...finished, threw: true }, reported, REFUND],
  ],
  'client gone before the first byte | refund, or commit what was reported': [
    [{ ...finished, ended: 'aborted', started: false }, fixed, REFUND],
    [{ ...finished, ended: 'aborted', started: false }, reported, commit(3)],
  ],
  'client gone after the first byte | commit: all, or what a metered handler reported': [
    [{ ...finished, ended: 'aborted' }, fixed, commit(10)],
    [{ ...finished, ended: 'aborted' }, reported, commit(3)],
  ],
  'failed after the first byte | refund, or commit what a metered handler reported': [
    [{ ...finished, ended: 'failed' }, fixed, REFUND],
    [{ ...finished, ended: 'failed' }, reported, commit(3)],
  ],
}
/** What no code decides while it runs: the database does, at the end of the lease (test/recovery/kill). */
const BY_LEASE = 'process killed | when the lease ends: refund, or commit what was reported'

it('the README has each of these rows, and no others', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const table = /\| what happened \| by default \|\n\|---\|---\|\n((?:\|.*\n)+)/.exec(readme)?.[1] ?? ''
  const rows = table.trim().split('\n').map((row) => row.slice(2, -2))
  expect(rows.sort()).toEqual([...Object.keys(MEANT), BY_LEASE].sort())
})

it.each(Object.entries(MEANT))('%s', (_row, cases) => {
  for (const [outcome, statement, settlement] of cases) expect(decideSettlement(outcome, statement)).toEqual(settlement)
})
