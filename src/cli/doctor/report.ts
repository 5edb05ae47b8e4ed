import type { Terminal } from '../terminal.ts'
import { wrapText } from '../wrap-text.ts'
import { count, type Finding, type Severity } from './finding.ts'

const COLOURS = { ok: 'green', info: 'cyan', warning: 'yellow', error: 'red' } as const

export function renderReport(findings: readonly Finding[], paint: Terminal['paint']): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const lines = findings.flatMap(({ severity, check, subject, found, means, sql, command }) => [
    `${paint(COLOURS[severity], severity.padEnd(7))}  ${check.padEnd(width)}  ${subject === null ? '' : `${subject}: `}${found}`,
    ...(means === null ? [] : wrapText(means, 89).map((line) => `           ${line}`)),
    ...(sql === null ? [] : ['           To mend it, in SQL:', ...sql.split('\n').map((line) => `             ${line}`)]),
    ...(command === null ? [] : [`           ${sql === null ? 'To mend it' : 'Or'}: ${command}`]),
  ])
  return `${lines.join('\n')}\n\n${renderCounts(findings)} Nothing was changed.\n`
}

function renderCounts(findings: readonly Finding[]): string {
  const number = (severity: Severity) => findings.filter((finding) => finding.severity === severity).length
  return `${count(number('error'), 'error', 'errors')}, ${count(number('warning'), 'warning', 'warnings')}.`
}
