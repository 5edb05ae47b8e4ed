import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { UsageError } from './exit.ts'
import { listPasswords } from './secrets.ts'

/** Where the database is. Never from a flag, which `ps` would show to everybody on the machine. */
export interface Environment {
  readonly databaseUrl: string | undefined
  readonly dataApi: { readonly url: string; readonly key: string } | undefined
  /** What must not be printed. */
  readonly secrets: readonly string[]
}

type Variables = Readonly<Record<string, string | undefined>>

/**
 * Reads the environment, and the file `.env` of the folder behind it.
 *
 * @param databaseUrlName the variable that holds the connection string, when it is none of the usual ones.
 * @throws UsageError when that variable is not set.
 */
export function readEnvironment(variables: Variables, folder: string, databaseUrlName?: string): Environment {
  const all: Variables = { ...readEnvFile(join(folder, '.env')), ...variables }
  const read = (...names: readonly string[]) => names.map((name) => all[name]).find((value) => value !== undefined && value !== '')
  const databaseUrl = databaseUrlName === undefined ? read('DATABASE_URL', 'SUPABASE_DB_URL') : read(databaseUrlName)
  if (databaseUrlName !== undefined && databaseUrl === undefined) throw new UsageError(`--db-url-env names a variable that is not set: ${databaseUrlName}`)
  const url = read('SUPABASE_URL')
  const key = read('SUPABASE_SECRET_KEY', 'SUPABASE_SERVICE_ROLE_KEY')
  const urls = [databaseUrl, all['DATABASE_URL'], all['SUPABASE_DB_URL']].map((value) => value ?? '')
  const keys = [all['SUPABASE_SECRET_KEY'], all['SUPABASE_SERVICE_ROLE_KEY'], all['PGPASSWORD']].map((value) => value ?? '')
  return {
    databaseUrl,
    dataApi: url !== undefined && key !== undefined ? { url: url.replace(/\/+$/, ''), key } : undefined,
    secrets: [...urls.flatMap(listPasswords), ...keys],
  }
}

function readEnvFile(path: string): Variables {
  return existsSync(path) ? parseEnv(readFileSync(path, 'utf8')) : {}
}
