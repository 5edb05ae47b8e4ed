import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { assembleMigration, completeDatabaseConfig, type DatabaseConfig } from '../migration.ts'
import { readPackageVersion } from '../package-version.ts'
import { CONFIG_FILE } from './config.ts'

/** A file that a command would write. `present`: it stands there already, word for word. */
export interface PlannedFile {
  readonly path: string
  readonly text: string
  readonly present: boolean
}

export function renderMigration(config: DatabaseConfig): string {
  return `-- creditgate ${readPackageVersion()}: credits reserved, committed and refunded in your own Postgres.
-- Safe to run again. It changes no row, grant or policy of a table that is there already.
-- Undo: drop schema creditgate cascade; drop function the creditgate_* functions in public; the credit tables keep their rows.

${assembleMigration(config)}`
}

/** A new file after every migration that is there; or the one that says the same already. */
export function planMigration(folder: string, text: string): PlannedFile {
  const migrations = join(folder, 'supabase', 'migrations')
  const names = listNames(migrations)
  const same = names.find((name) => name.endsWith('_creditgate.sql') && readFileSync(join(migrations, name), 'utf8') === text)
  return { path: join(migrations, same ?? `${createTimestamp(names)}_creditgate.sql`), text, present: same !== undefined }
}

/** The declarative schema file: the one that is there, or a new one after all others. */
export function planSchema(folder: string, text: string): PlannedFile {
  const schemas = join(folder, 'supabase', 'schemas')
  const names = listNames(schemas)
  const numbers = names.map((name) => Number(/^(\d+)_/.exec(name)?.[1] ?? 0))
  const name = names.find((each) => /^\d+_creditgate\.sql$/.test(each)) ?? `${String(Math.max(0, ...numbers) + 1).padStart(2, '0')}_creditgate.sql`
  return planFile(join(schemas, name), text)
}

/** The settings, in full: what is left out would change its meaning with a later default. */
export function planConfig(folder: string, named: string | undefined, config: DatabaseConfig): PlannedFile {
  const { creditTypes, subscriptions, sweepEveryMinutes, pruneAfterDays, maxOpenReservations } = completeDatabaseConfig(config)
  const scheduled = { ...(sweepEveryMinutes === null ? {} : { sweepEveryMinutes }), ...(pruneAfterDays === null ? {} : { pruneAfterDays }) }
  return planFile(named ?? join(folder, CONFIG_FILE), `${JSON.stringify({ creditTypes, subscriptions, maxOpenReservations, ...scheduled }, null, 2)}\n`)
}

export function writePlanned(files: readonly PlannedFile[]): void {
  for (const { path, text, present } of files) {
    if (present) continue
    mkdirSync(dirname(path), { recursive: true })
    // Never over a migration: what was run is history.
    writeFileSync(path, text, { flag: path.includes(join('supabase', 'migrations')) ? 'wx' : 'w' })
  }
}

function planFile(path: string, text: string): PlannedFile {
  return { path, text, present: existsSync(path) && readFileSync(path, 'utf8') === text }
}

function listNames(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : []
}

/** A fresh version for the Supabase CLI, UTC, after every one that is there: it refuses an older one. */
function createTimestamp(present: readonly string[]): string {
  const now = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
  const newest = present.map((file) => /^(\d{14})_/.exec(file)?.[1] ?? '').sort().at(-1) ?? ''
  return newest < now ? now : String(BigInt(newest) + 1n)
}
