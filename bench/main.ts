import { writeFileSync } from 'node:fs'
import { HELP, readArguments, UsageError, type Arguments } from './arguments.ts'
import { measureBundleSize } from './bundle-size.ts'
import { openContenders } from './contenders/open-contenders.ts'
import { addVersions, readEnvironment } from './environment.ts'
import { measureHistory } from './history.ts'
import { measureHttp } from './http.ts'
import { buildLibrary, type BuiltLibrary } from './library.ts'
import { measureLoneCaller } from './lone-caller.ts'
import { measureMemory } from './memory.ts'
import { measureOverhead } from './overhead.ts'
import { countOversells } from './oversell.ts'
import { installPeers } from './peers.ts'
import { FULL, PARTS, QUICK, type PartName, type Plan } from './plan.ts'
import { createProgress } from './progress.ts'
import { writeReport } from './report.ts'
import { findRatios, type Figures, type Results } from './results.ts'
import { setStage, type Stage } from './stage.ts'
import { measureThroughput } from './throughput.ts'

const tell = createProgress()

interface Run {
  readonly plan: Plan
  readonly library: BuiltLibrary
  readonly has: (...parts: PartName[]) => boolean
}

async function runBench({ quick, parts }: Arguments, given: readonly string[]): Promise<Results> {
  const plan = quick ? QUICK : FULL
  const has = (...names: PartName[]) => names.some((name) => parts.includes(name))
  if (has('throughput', 'lone', 'oversell')) installPeers(tell('peers'))
  const before = readEnvironment(given)
  tell('library')('building the package')
  const library = await buildLibrary()
  const run: Run = { plan, library, has }

  const alone = await measureAlone(run)
  if (!has('throughput', 'lone', 'oversell', 'http', 'history')) return finish(alone, before)
  tell('stage')('starting Postgres and PostgREST')
  const stage = await setStage()
  // A second signal ends it at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void stage.stop().finally(() => process.exit(1)))
  try {
    return finish({ ...alone, ...(await measureOnStage(stage, run)) }, addVersions(before, stage.versions))
  } finally {
    await stage.stop()
  }

  function finish(figures: Figures, environment: Results['environment']): Results {
    return { environment, quick, plan, ...figures, ratios: findRatios(figures) }
  }
}

/** What needs no database. */
async function measureAlone({ plan, library, has }: Run): Promise<Figures> {
  return {
    ...(has('size') && { bundleSizeBytes: await measureBundleSize() }),
    ...(has('overhead') && { overheadMicroseconds: await measureOverhead(library, plan) }),
    ...(has('memory') && { memory: await measureMemory(library, { plan, say: tell('memory') }) }),
  }
}

async function measureOnStage(stage: Stage, { plan, library, has }: Run): Promise<Figures> {
  const { database } = stage
  return {
    ...(has('throughput', 'lone', 'oversell') && (await measureContenders(stage, { plan, library, has }))),
    ...(has('http') && { http: await measureHttp(library, { database, plan, say: tell('http') }) }),
    ...(has('history') && { history: await measureHistory(library, { stage, plan, say: tell('history') }) }),
    violations: (await database.query('select from creditgate.violations')).length,
  }
}

async function measureContenders(stage: Stage, { plan, library, has }: Run): Promise<Figures> {
  const { database } = stage
  tell('stage')('opening the contenders')
  const contenders = await openContenders(stage, library)
  const figures: Figures = {
    ...(has('throughput') && { throughput: await measureThroughput(contenders, { database, plan, say: tell('throughput') }) }),
    ...(has('lone') && { loneCaller: await measureLoneCaller(contenders, { plan, say: tell('lone caller') }) }),
    ...(has('oversell') && { oversells: await countOversells(contenders, tell('oversell')) }),
  }
  for (const contender of Object.values(contenders)) await contender.close()
  return figures
}

async function main(given: readonly string[]): Promise<number> {
  let wanted: Arguments
  try {
    wanted = readArguments(given)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message}\n\n${HELP}`)
    return 2
  }
  if (wanted.help) {
    process.stdout.write(HELP)
    return 0
  }
  try {
    const results = await runBench(wanted, given)
    const report = writeReport(results)
    process.stdout.write(report)
    if (wanted.parts.length === PARTS.length) {
      writeFileSync(new URL('RESULTS.md', import.meta.url), report)
      tell('results')('written to bench/RESULTS.md')
    }
    if (wanted.json) process.stdout.write(`${JSON.stringify(results)}\n`)
    return 0
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
    return 1
  }
}

process.exitCode = await main(process.argv.slice(2))
