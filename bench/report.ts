import { CONTENDERS, type ContenderName } from './contenders/contender.ts'
import { ARRAY_LENGTH } from './contenders/server-loop.ts'
import type { Environment } from './environment.ts'
import { CALLERS } from './plan.ts'
import { OVERSELL_CALLERS } from './oversell.ts'
import { RATIOS, type Results } from './results.ts'
import { POOL_SIZE } from './stage.ts'
import { describeShape, type Throughput } from './throughput.ts'
import type { Measurement, Shape } from './load.ts'

/** The results as Markdown that reads well on a terminal, too. */
export function writeReport(results: Results): string {
  const { quick } = results
  return [
    `# What creditgate costs, beside what one would pick instead`,
    `Made by \`${results.environment.command}\`; \`bench/README.md\` says how. Speeds of different machines do not compare: the ratios do.${quick ? ' This run was a quick one: its rounds are short.' : ''}`,
    ...describeEnvironment(results.environment),
    ...describeRatios(results),
    ...(results.throughput === undefined ? [] : describeThroughput(results.throughput)),
    ...describeLoneCaller(results),
    ...describeOversells(results),
    ...describeHttp(results),
    ...describeHistory(results),
    ...describeMemory(results),
    ...describeCosts(results),
    describeRounds(results),
  ].join('\n\n') + '\n'
}

function describeEnvironment({ date, machine, versions }: Environment): string[] {
  return [
    [
      `- ${date.slice(0, 16).replace('T', ' ')} UTC`,
      `- ${machine.cores} cores, ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.platform}; load average of the minute before: ${machine.loadBefore}`,
      `- ${Object.entries(versions).map(([name, version]) => `${name} ${version}`).join(', ')}`,
      `- Postgres with fsync and synchronous_commit, ${POOL_SIZE} connections for each pg pool and for PostgREST; load, database and API on this machine`,
    ].join('\n'),
  ]
}

function describeRatios({ ratios }: Results): string[] {
  const rows = Object.entries(RATIOS).map(([name, { wanted, bound, says }]) => {
    const ratio = ratios[name as keyof typeof RATIOS]
    const met = ratio !== null && (wanted === 'at least' ? ratio >= bound : ratio <= bound)
    return [`\`${name}\``, ratio === null ? 'not measured' : ratio.toFixed(2), `${wanted} ${bound}`, ratio === null ? '' : met ? 'yes' : 'no', says]
  })
  return ['## Ratios', createTable(['ratio', 'measured', 'wanted', 'met', 'of what'], rows)]
}

function describeThroughput({ contenders, serverLoop }: Throughput): string[] {
  const describe = (shape: Shape) => {
    const rows = (Object.keys(CONTENDERS) as ContenderName[]).map((name) => {
      const cells = CALLERS.map((callers) => contenders.find((each) => each.contender === name && each.shape === shape && each.callers === callers))
      return [CONTENDERS[name], ...cells.map((cell) => formatRate(cell?.perSecond)), ...cells.map(formatLatency)]
    })
    for (const [loops, perSecond] of serverLoop.filter((each) => each.shape === shape).map((each) => [each.loops, each.perSecond] as const)) {
      rows.push([`our SQL in ${loops === 1 ? 'a loop' : `${loops} loops`} in the server, arrays of ${ARRAY_LENGTH}`, formatRate(perSecond)])
    }
    const callers = CALLERS.map((count) => (count === 1 ? '1 caller' : `${count} callers`))
    return [
      `## Reserve and commit, ${describeShape(shape)}`,
      createTable(['pairs a second; then p50 / p99 of a pair, and of its reserve', ...callers.map((each) => `${each}: /s`), ...callers], rows),
    ]
  }
  const failed = contenders.filter((each) => each.failed > 0)
  return [
    ...describe('hot'),
    ...describe('spread'),
    'rate-limiter-flexible, better-auth, the bare update and the code written by hand take a credit and are done: their single call stands against a reserve and a commit. A loop in the server has no callers.',
    ...(failed.length === 0
      ? []
      : [`Calls that failed, and are not counted: ${failed.map((each) => `${CONTENDERS[each.contender]}, ${each.shape}, ${each.callers} callers: ${each.failed} (${each.failure ?? ''})`).join('; ')}.`]),
  ]
}

function describeLoneCaller({ loneCaller }: Results): string[] {
  if (loneCaller === undefined) return []
  const rows = loneCaller.map(({ path, creditgate, rpc, ratio }) => [path, ...[creditgate.p50, rpc.p50, creditgate.p99, rpc.p99].map((each) => each.toFixed(3)), ratio.toFixed(2)])
  return ['## A lone caller’s reserve', createTable(['path', 'guard p50', 'bare RPC p50', 'guard p99', 'bare RPC p99', 'ratio of p50'], rows)]
}

function describeOversells({ oversells, violations }: Results): string[] {
  if (oversells === undefined) return []
  const rows = oversells.map(({ contender, credits, admitted, oversold }) => [CONTENDERS[contender], String(credits), String(admitted), String(oversold)])
  return [
    `## Oversold`,
    `${OVERSELL_CALLERS} callers at once spend what one account has left, until each is refused.`,
    createTable(['', 'credits', 'admitted', 'oversold'], rows),
    `Rows in \`creditgate.violations\` after the whole run: ${violations ?? 'not counted'}.`,
  ]
}

function describeHttp({ http }: Results): string[] {
  if (http === undefined) return []
  const rows = http.map((each) => [`${each.host}, ${each.route}`, formatRate(each.perSecond), formatLatency(each)])
  return [
    '## Whole HTTP requests, 256 callers, over pg',
    createTable(['route', 'requests a second', 'p50 / p99'], rows),
    'The server is a process of its own, with real tokens of 1,000 users; a guarded request counts once its call is settled.',
  ]
}

function describeHistory({ history }: Results): string[] {
  if (history === undefined) return []
  const rows = history.map((each) => [describeShape(each.shape), each.endedReservations.toLocaleString('en'), formatRate(each.perSecond), formatLatency(each)])
  return ['## With a history, 256 callers, over pg', createTable(['', 'ended reservations', 'pairs a second', 'p50 / p99 of a pair, and of its reserve'], rows)]
}

function describeMemory({ memory, plan }: Results): string[] {
  if (memory === undefined) return []
  const rows = memory.samples.map(({ calls, residentBytes }) => [calls.toLocaleString('en'), (residentBytes / 1024 ** 2).toFixed(1)])
  return [
    `## Memory over ${plan.memoryCalls.toLocaleString('en')} guarded calls`,
    createTable(['calls', 'MiB resident'], rows),
    `In the second half it grew by ${memory.slopeBytesPerCall.toFixed(1)} bytes a call.`,
  ]
}

function describeCosts({ overheadMicroseconds, bundleSizeBytes }: Results): string[] {
  const lines: string[] = []
  if (overheadMicroseconds !== undefined) {
    lines.push(`- The guard itself, without the database and with a verified token in its cache: p50 ${overheadMicroseconds.p50.toFixed(1)}, p99 ${overheadMicroseconds.p99.toFixed(1)} microseconds for admit and settle (wanted: p50 below 25).`)
  }
  if (bundleSizeBytes !== undefined) {
    lines.push(`- Core and Hono adapter without their dependencies: ${bundleSizeBytes.minified} bytes minified, ${bundleSizeBytes.gzipped} gzipped (wanted: below 15,000).`)
  }
  return lines.length === 0 ? [] : ['## The package', lines.join('\n')]
}

function describeRounds({ plan, throughput, http, history }: Results): string {
  const fewest = Math.min(...[...(throughput?.contenders ?? []), ...(http ?? []), ...(history ?? [])].map(({ rounds }) => rounds))
  const short = fewest < plan.rounds ? `, where the machine was slow of ${fewest},` : ''
  return `Figures are medians of ${plan.rounds} rounds${short} in which the contenders took turns. Durations are in milliseconds unless they say otherwise.`
}

function formatRate(perSecond: number | undefined): string {
  return perSecond === undefined ? '' : Math.round(perSecond).toLocaleString('en')
}

/** `pair p50 / p99 (reserve p50 / p99)`. A single call is its own pair. */
function formatLatency(measurement: Measurement | undefined): string {
  if (measurement === undefined) return ''
  const format = ({ p50, p99 }: { readonly p50: number; readonly p99: number }) => `${p50.toFixed(1)} / ${p99.toFixed(1)}`
  const { pair, reserve } = measurement
  return pair.p50 - reserve.p50 < 0.01 ? format(pair) : `${format(pair)} (${format(reserve)})`
}

function createTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [header, ...rows.map((row) => header.map((_, column) => row[column] ?? ''))]
  const widths = header.map((_, column) => Math.max(3, ...lines.map((line) => (line[column] ?? '').length)))
  const numeric = header.map((_, column) => rows.every((row) => /^(\d.*)?$/.test(row[column] ?? '')))
  const format = (cells: readonly string[]) => `| ${cells.map((cell, column) => (numeric[column] === true ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0))).join(' | ')} |`
  const rule = `|${widths.map((width, column) => (numeric[column] === true ? `${'-'.repeat(width + 1)}:` : '-'.repeat(width + 2))).join('|')}|`
  const [first = [], ...rest] = lines
  return [format(first), rule, ...rest.map(format)].join('\n')
}
