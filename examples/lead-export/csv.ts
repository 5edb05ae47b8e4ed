/** Rows of one shape as CSV (RFC 4180): a header line, every field quoted. No row: nothing but the header line. */
export function toCsv<Column extends string>(columns: readonly Column[], rows: readonly Readonly<Record<Column, string>>[]): string {
  const lines = [columns, ...rows.map((row) => columns.map((column) => row[column]))]
  return lines.map((fields) => fields.map(quote).join(',') + '\r\n').join('')
}

function quote(field: string): string {
  // A spreadsheet would run what starts like a formula.
  const text = /^[=+\-@\t\r]/.test(field) ? `'${field}` : field
  return `"${text.replaceAll('"', '""')}"`
}
