import type { Terminal } from '../terminal.ts'
import type { Finding, Severity } from './finding.ts'

const COLOURS = { ok: 'green', info: 'cyan', warning: 'yellow', error: 'red' } as const

export function renderReport(findings: readonly Finding[], paint: Terminal['paint']): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ severity, check, subject, found, means, sql, command }) => [
    `${paint(COLOURS[severity], severity.padEnd(7))}  ${check.padEnd(width)}  ${subject === null ? '' : `${subject}: `}${found}`,
    ...(means === null ? [] : [`           ${means}`]),
    ...(sql === null ? [] : ['           To mend it, in SQL:', ...sql.split('\n').map((line) => `             ${line}`)]),
    ...(command === null ? [] : [`           ${sql === null ? 'To mend it' : 'Or'}: ${command}`]),
  ])
  return `${lines.join('\n')}\n\n${renderCounts(findings)} Nothing was changed.\n`
}

function renderCounts(findings: readonly Finding[]): string {
  const count = (severity: Severity, one: string, many: string) => {
    const found = findings.filter((finding) => finding.severity === severity).length
    return `${found} ${found === 1 ? one : many}`
  }
  return `${count('error', 'error', 'errors')}, ${count('warning', 'warning', 'warnings')}.`
}
