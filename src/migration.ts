import { readdirSync, readFileSync } from 'node:fs'
import { z } from 'zod'

import { SCHEMA_VERSION } from './schema-version.ts'

const identifier = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[^\0$]+$/, 'must not contain a dollar sign')

const tableName = z
  .string()
  .refine((name) => name.split('.').length <= 2 && name.split('.').every((part) => identifier.safeParse(part).success), {
    error: 'must be a table name, with its schema in front when that is not public: "AICredits" or "billing.AICredits"',
  })

const databaseConfig = z.strictObject({
  creditTypes: z
    .record(z.string().regex(/^[a-z][A-Za-z0-9]{0,39}$/, 'a credit type is named like "ai" or "skipTrace"'), tableName)
    .refine((types) => Object.keys(types).length > 0, 'at least one credit type is needed')
    .refine((types) => new Set(Object.values(types).map((table) => splitTable(table)).map(({ schema, name }) => `${schema}.${name}`)).size === Object.keys(types).length, 'each credit type needs a table of its own')
    .default({ ai: 'AICredits', lead: 'LeadCredits', skipTrace: 'SkipTraceCredits' }),
  subscriptions: z
    .strictObject({
      table: tableName.default('UserProfileSubscription'),
      userColumn: identifier.default('userid'),
      statusColumn: identifier.nullable().default('status'),
      activeStatuses: z.array(identifier).min(1).default(['active', 'trialing']),
    })
    .prefault({}),
  sweepEveryMinutes: z.number().int().min(1).max(59).nullable().default(null),
  pruneAfterDays: z.number().int().min(1).max(3650).nullable().default(null),
  maxOpenReservations: z.number().int().min(1).max(1_000_000).default(1000),
}).refine((config) => config.pruneAfterDays === null || config.sweepEveryMinutes !== null, {
  path: ['pruneAfterDays'],
  error: 'is done by the scheduled sweep: give sweepEveryMinutes too',
})

/**
 * What the migration must know of the user's own tables.
 *
 * - `creditTypes`: the table each credit type stands on, `{ ai: 'AICredits' }`. Default: the three types `ai`, `lead`,
 *   `skipTrace` on `AICredits`, `LeadCredits`, `SkipTraceCredits`.
 * - `subscriptions.table`: default `UserProfileSubscription`; its key is `id`, a uuid.
 * - `subscriptions.userColumn`: the column that holds the id of the Supabase user. Default `userid`.
 * - `subscriptions.statusColumn`: the column that says whether a subscription is active, or null where every row is.
 *   Default `status`.
 * - `subscriptions.activeStatuses`: the values that mean active. Default `['active', 'trialing']`.
 * - `sweepEveryMinutes`: where the database has pg_cron, a sweep is scheduled at this pace, 1 to 59. Default null: none.
 * - `pruneAfterDays`: that sweep also deletes reservations that ended so long ago, 1 to 3650. Default null: they are kept.
 * - `maxOpenReservations`: how many calls of one subscription may be open at once, 1 to 1000000; more are refused with 429. Default 1000.
 *
 * Table names may carry their schema (`billing.AICredits`); without one it is `public`.
 */
export type DatabaseConfig = z.input<typeof databaseConfig>

/** The same with every setting filled in. */
export type CompleteDatabaseConfig = z.output<typeof databaseConfig>

/**
 * Fills in the defaults.
 *
 * @throws TypeError naming each setting that is wrong.
 */
export function completeDatabaseConfig(config: DatabaseConfig): CompleteDatabaseConfig {
  const parsed = databaseConfig.safeParse(config)
  if (!parsed.success) throw new TypeError(`creditgate: the database configuration is wrong\n${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/**
 * Assembles the one migration from the files of `sql/`, in the order of their names.
 *
 * @throws TypeError naming each setting that is wrong.
 */
export function assembleMigration(config: DatabaseConfig = {}): string {
  const { creditTypes, subscriptions, sweepEveryMinutes, pruneAfterDays, maxOpenReservations } = completeDatabaseConfig(config)

  const types = Object.entries(creditTypes).map(([type, table]) => {
    const { schema, name } = splitTable(table)
    return {
      type: quoteLiteral(type),
      table: `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`,
      table_schema: quoteLiteral(schema),
      table_name: quoteLiteral(name),
    }
  })
  const subscriptionTable = splitTable(subscriptions.table)
  const qualified = `${quoteIdentifier(subscriptionTable.schema)}.${quoteIdentifier(subscriptionTable.name)}`
  const { userColumn, statusColumn, activeStatuses } = subscriptions
  const statuses = activeStatuses.map(quoteLiteral).join(', ')
  const values = {
    schema_version: String(SCHEMA_VERSION),
    subscription_table: qualified,
    subscription_table_literal: quoteLiteral(qualified),
    user_column: quoteIdentifier(userColumn),
    user_column_literal: quoteLiteral(userColumn),
    status_column_literal: statusColumn === null ? 'null::text' : quoteLiteral(statusColumn),
    status_column_definition:
      statusColumn === null ? '' : `,\n      ${quoteIdentifier(statusColumn)} text not null default ${quoteLiteral(activeStatuses[0] ?? '')}`,
    sweep_every_minutes: String(sweepEveryMinutes),
    prune_after_days: String(pruneAfterDays),
    max_open: String(maxOpenReservations),
    status_condition: statusColumn === null ? '' : ` and s.${quoteIdentifier(statusColumn)}::text in (${statuses})`,
  }

  const folder = new URL('../sql/', import.meta.url)
  return readdirSync(folder)
    .filter((file) => file.endsWith('.sql'))
    .sort()
    .map((file) => fill(repeat(readFileSync(new URL(file, folder), 'utf8'), types), values, file).trimEnd())
    .join('\n\n')
    .concat('\n')
}

/** Repeats what stands between the lines `-- {{each type}}` and `-- {{end}}` once for each credit type. */
function repeat(sql: string, types: readonly Record<string, string>[]): string {
  const section = /^[ ]*-- \{\{each type(?: joined by ([^}]+))?\}\}\n([\s\S]*?)^[ ]*-- \{\{end\}\}\n/gm
  return sql.replace(section, (_match, joint: string | undefined, body: string) =>
    types
      .map((values) => body.replace(/\{\{(type|table|table_schema|table_name)\}\}/g, (_placeholder, name: string) => values[name] ?? ''))
      .join(joint === undefined ? '' : `${joint}\n`),
  )
}

function fill(sql: string, values: Readonly<Record<string, string>>, file: string): string {
  return sql.replace(/\{\{([a-z_ ]+)\}\}/g, (_placeholder, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`creditgate: sql/${file} has a placeholder that nothing fills: ${name}`)
    return value
  })
}

/** A table's name without a schema is one in `public`. */
export function splitTable(table: string): { schema: string; name: string } {
  const [first = '', second] = table.split('.')
  return second === undefined ? { schema: 'public', name: first } : { schema: first, name: second }
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteLiteral(value: string): string {
  const quoted = `'${value.replaceAll("'", "''")}'`
  return value.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}
