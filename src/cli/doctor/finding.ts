/**
 * What a check found. `sql` mends it where SQL can; `command` where a command does. Nothing is changed by the doctor.
 *
 * - `error`: credits can be taken or lost, or calls fail.
 * - `warning`: something will go wrong, or is slower than it need be.
 * - `info`: nothing is wrong, and it is worth knowing.
 */
export interface Finding {
  readonly check: string
  readonly severity: Severity
  /** What it is about, such as a table. */
  readonly subject: string | null
  readonly found: string
  readonly means: string | null
  readonly sql: string | null
  readonly command: string | null
}

export type Severity = 'ok' | 'info' | 'warning' | 'error'

interface Details {
  readonly subject?: string
  readonly means?: string
  readonly sql?: string
  readonly command?: string
}

export function createFinding(check: string, severity: Severity, found: string, { subject, means, sql, command }: Details = {}): Finding {
  return { check, severity, subject: subject ?? null, found, means: means ?? null, sql: sql ?? null, command: command ?? null }
}

/** "1 row has", "2 rows have": a count and the words for one or for many. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`
}

/** The findings, or that there are none, so that what was looked at is seen. */
export function orOk(check: string, findings: readonly Finding[], fine: string): readonly Finding[] {
  return findings.length > 0 ? findings : [createFinding(check, 'ok', fine)]
}
