export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
}

/** The cells of one line, or a text that stands across all columns. */
export type Line = readonly string[] | string

const GAP = '  '

/** Lays out a table in plain text, each column as wide as its widest cell. */
export function renderTable(columns: readonly Column[], lines: readonly Line[]): string {
  const cells = lines.filter((line) => typeof line !== 'string')
  const widths = columns.map(({ title }, index) => Math.max(title.length, ...cells.map((line) => (line[index] ?? '').length)))
  const renderCells = (line: readonly string[]) =>
    columns
      .map(({ align }, index) => (align === 'left' ? (line[index] ?? '').padEnd(widths[index] ?? 0) : (line[index] ?? '').padStart(widths[index] ?? 0)))
      .join(GAP)
      .trimEnd()
  const rule = widths.map((width) => '─'.repeat(width)).join(GAP)
  return [renderCells(columns.map(({ title }) => title)), rule, ...lines.map((line) => (typeof line === 'string' ? line : renderCells(line)))].join('\n')
}
