/** An aligned table, its head in capitals, numbers to the right. The last column is not padded. */
export function renderTable(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = [head.map((name) => name.toUpperCase()), ...rows.map((row) => row.map(String))]
  const widths = head.map((_name, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)))
  const rightward = head.map((_name, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'))
  return cells.map((row) => row.map((cell, column) => (rightward[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join('  ').trimEnd() + '\n').join('')
}

/** A moment as people read it, in UTC, to the second. */
export function renderTime(instant: string): string {
  return new Date(instant).toISOString().replace('T', ' ').replace(/\.\d+Z$/, 'Z')
}
