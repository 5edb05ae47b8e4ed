import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseConfig } from '../migration.ts'
import { UsageError } from './exit.ts'
import type { Flags, FlagSet } from './flags.ts'

/** Where the settings of a project stand. */
export const CONFIG_FILE = 'creditgate.json'

export const CONFIG_FLAGS: FlagSet = {
  type: { value: '<name>=<table>', multiple: true, help: 'a credit type and its table; may be repeated; default: ai=AICredits lead=LeadCredits skipTrace=SkipTraceCredits' },
  'subscription-table': { value: '<table>', help: 'default: UserProfileSubscription' },
  'user-column': { value: '<column>', help: "its column with the Supabase user's id; default: userid" },
  'status-column': { value: '<column>', help: 'its column with the status, or "none"; default: status' },
  'active-status': { value: '<value>', multiple: true, help: 'a status that means active; may be repeated; default: active trialing' },
  'sweep-every': { value: '<minutes>', help: 'schedule the sweep by pg_cron, where the database has it; default: not scheduled' },
  'max-open': { value: '<calls>', help: 'how many calls of one subscription may be open at once; default: 1000' },
  'prune-after': { value: '<days>', help: 'that sweep also deletes reservations that ended so long ago; default: all are kept' },
  config: { value: '<file>', help: `the settings as JSON; default: ${CONFIG_FILE}. Flags go over it` },
}

/** The settings of the file; none where there is no file and none was named. */
export function readConfigFile(folder: string, named: string | undefined): DatabaseConfig {
  const path = named ?? join(folder, CONFIG_FILE)
  if (named === undefined && !existsSync(path)) return {}
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as DatabaseConfig
  } catch (error) {
    throw new UsageError(`cannot read ${path}: ${(error as Error).message}`)
  }
}

/** The settings, with those of the flags over them. */
export function applyFlags(config: DatabaseConfig, flags: Flags): DatabaseConfig {
  const types = flags.list('type')
  const status = flags.text('status-column')
  const subscriptions = omitUndefined({
    table: flags.text('subscription-table'),
    userColumn: flags.text('user-column'),
    statusColumn: status === 'none' ? null : status,
    activeStatuses: flags.list('active-status'),
  })
  return {
    ...config,
    ...readNumber('sweepEveryMinutes', flags.text('sweep-every')),
    ...readNumber('pruneAfterDays', flags.text('prune-after')),
    ...readNumber('maxOpenReservations', flags.text('max-open')),
    ...(types === undefined ? {} : { creditTypes: Object.fromEntries(types.map((given) => readType('--type', given))) }),
    ...(Object.keys(subscriptions).length === 0 ? {} : { subscriptions: { ...config.subscriptions, ...subscriptions } as NonNullable<DatabaseConfig['subscriptions']> }),
  }
}

/** @throws UsageError when it is not `<name>=<table>`. */
export function readType(what: string, given: string): [string, string] {
  const [name, table, more] = given.split('=')
  if (name === undefined || name === '' || table === undefined || table === '' || more !== undefined) throw new UsageError(`${what} is given as <name>=<table>, not "${given}"`)
  return [name, table]
}

/** What is no number becomes NaN, which the configuration refuses by the setting's name. */
function readNumber(name: keyof DatabaseConfig, given: string | undefined): DatabaseConfig {
  return given === undefined ? {} : { [name]: given.trim() === '' ? Number.NaN : Number(given) }
}

function omitUndefined<Value extends object>(value: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Value>
}
