import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Another Postgres than the packaged one: that of `POSTGRES_BIN`, a folder with initdb and postgres, else the oldest supported one where Debian puts them. */
export interface OtherPostgres {
  readonly binaries: string
  /** As it says itself: `15.18`. */
  readonly version: string
  /** What `supabase db lint` needs is installed beside it. */
  readonly hasPlpgsqlCheck: boolean
}

const DEBIAN = '/usr/lib/postgresql'
const OLDEST_SUPPORTED = 15

export function findOtherPostgres(): OtherPostgres | undefined {
  const given = process.env['POSTGRES_BIN']
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map(Number).filter((version) => version >= OLDEST_SUPPORTED).sort((one, other) => one - other) : []
  const folders = given === undefined ? versions.map((version) => join(DEBIAN, String(version), 'bin')) : [given]
  const other = folders.map(ask).find((found) => found !== undefined)
  // Whoever named one does not mean its tests to be left out.
  if (given !== undefined && other === undefined) throw new Error(`no Postgres runs from POSTGRES_BIN=${given}: it must be the folder with initdb, postgres and pg_config`)
  return other
}

function ask(binaries: string): OtherPostgres | undefined {
  // A client alone brings no initdb.
  if (!existsSync(join(binaries, 'initdb'))) return undefined
  const read = (command: string, flag: string) => {
    const { status, stdout } = spawnSync(join(binaries, command), [flag], { encoding: 'utf8' })
    return status === 0 ? stdout.trim() : ''
  }
  const version = /\d+(\.\d+)?/.exec(read('postgres', '--version'))?.[0]
  if (version === undefined) return undefined
  return { binaries, version, hasPlpgsqlCheck: existsSync(join(read('pg_config', '--sharedir'), 'extension', 'plpgsql_check.control')) }
}
