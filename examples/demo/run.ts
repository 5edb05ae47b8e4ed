import type { Books, RowState } from './books.ts'
import { compareFacts, readFacts, type Facts } from './facts.ts'
import type { Group } from './scenarios.ts'
import { renderTable, type Column, type Line } from './table.ts'

const CALL_COLUMNS: readonly Column[] = [
  { title: 'call', align: 'left' },
  { title: 'status', align: 'left' },
  { title: 'reserved', align: 'right' },
  { title: 'drawn from', align: 'left' },
  { title: 'committed', align: 'right' },
  { title: 'refunded', align: 'right' },
  { title: 'remaining', align: 'right' },
  { title: 'ok', align: 'left' },
]
const ROW_COLUMNS: readonly Column[] = [
  { title: 'table', align: 'left' },
  { title: 'row', align: 'left' },
  { title: 'resets', align: 'left' },
  { title: 'allotted', align: 'right' },
  { title: 'used before', align: 'right' },
  { title: 'used after', align: 'right' },
  { title: 'cycle before', align: 'right' },
  { title: 'cycle after', align: 'right' },
]

/** How many calls were made, and how many of them are not as they should be. */
export interface Tally {
  readonly calls: number
  readonly wrong: number
}

/** Makes every call in turn, compares what it left in the database with what it should have, and prints both tables. */
export async function runScenarios(groups: readonly Group[], books: Books, print: (text: string) => void): Promise<Tally> {
  const before = await books.readRows()
  const lines: Line[] = []
  let calls = 0
  let wrong = 0
  for (const { title, creditType, scenarios } of groups) {
    lines.push('', title)
    for (const scenario of scenarios) {
      await scenario.prepare?.()
      const got = await readFacts(books, await scenario.send(), creditType)
      const differences = compareFacts(scenario.expected, got)
      calls += 1
      if (differences.length > 0) wrong += 1
      lines.push(describeCall(scenario.title, got, differences.length === 0), ...differences.map((difference) => `    ${difference}`))
    }
  }
  print(renderTable(CALL_COLUMNS, lines))
  print('\nThe rows of the credit tables, before the first call and after the last one:\n')
  print(renderTable(ROW_COLUMNS, describeRows(before, await books.readRows())))
  return { calls, wrong }
}

function describeCall(title: string, facts: Facts, right: boolean): readonly string[] {
  const held = facts.reservation !== 'none'
  const status = facts.body === 'whole' ? String(facts.status) : `${facts.status} ${facts.body}`
  const amounts = held ? [String(facts.reserved), facts.drawnFrom, String(facts.committed), String(facts.refunded)] : ['-', '-', '-', '-']
  return [`  ${title}`, status, ...amounts, String(facts.remaining), right ? '✓' : '✗']
}

function describeRows(before: readonly RowState[], after: readonly RowState[]): readonly Line[] {
  return after.map((row) => {
    const was = before.find(({ id }) => id === row.id)
    const resets = row.resetInDays === null ? 'never' : `every ${row.resetInDays} days`
    return [row.table, row.name, resets, ...[row.allotted, was?.used, row.used, was?.cycle, row.cycle].map((figure) => String(figure ?? '-'))]
  })
}
