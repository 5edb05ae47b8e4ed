import type { CompleteDatabaseConfig, DatabaseConfig } from '../migration.ts'
import type { Database } from './database.ts'
import { chooseStatuses, chooseStatusColumn, chooseUserColumn, listColumns } from './subscription-columns.ts'

/** What was found, and what there is to say about it. */
export interface Discovery {
  readonly config: DatabaseConfig
  readonly notes: readonly string[]
}

interface Candidate {
  readonly schema: string
  readonly name: string
  readonly columns: Readonly<Record<string, string>>
}

const NEEDED = { id: 'uuid', allotted: 'integer', used: 'integer', resetindays: 'integer', subscriptionid: 'uuid' } as const
const FOREIGN_SCHEMAS = "n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'auth', 'storage', 'realtime', 'vault', 'extensions', 'graphql', 'creditgate', 'supabase_migrations', 'cron', 'net')"

/** Looks for the user's own tables and columns. Reads only. `wanted`: the settings that stand, which say where to look first. */
export async function discoverConfig(database: Database, wanted: CompleteDatabaseConfig): Promise<Discovery> {
  const candidates = await database.select<Candidate>(`
    select n.nspname as schema, c.relname as name, jsonb_object_agg(a.attname, format_type(a.atttypid, null)) as columns
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    where c.relkind = 'r' and ${FOREIGN_SCHEMAS}
    group by 1, 2 having bool_or(a.attname = 'allotted') and bool_or(a.attname = 'used') order by 1, 2`)
  const lacks = (candidate: Candidate) => Object.entries(NEEDED).filter(([column, type]) => candidate.columns[column] !== type).map(([column, type]) => `${column} ${type}`)
  const complete = candidates.filter((candidate) => lacks(candidate).length === 0)
  const notes = candidates.filter((candidate) => !complete.includes(candidate)).map((candidate) => `${nameTable(candidate)} looks like a credit table, but lacks ${lacks(candidate).join(', ')}`)
  notes.unshift(complete.length === 0 ? 'No credit table was found: the migration creates them.' : `Credit tables found: ${complete.map(nameTable).join(', ')}`)

  const table = (await findSubscriptionTable(database, complete)) ?? wanted.subscriptions.table
  const columns = await listColumns(database, table)
  const creditTypes = complete.length === 0 ? {} : { creditTypes: Object.fromEntries(complete.map((each) => [nameType(each.name), nameTable(each)])) }
  if (columns.length === 0) return { config: { ...creditTypes, subscriptions: { table } }, notes: [...notes, `There is no table ${table}: the migration creates it.`] }

  const userColumn = chooseUserColumn(columns)
  const statusColumn = chooseStatusColumn(columns)
  const activeStatuses = statusColumn === undefined ? undefined : await chooseStatuses(database, { table, column: statusColumn })
  notes.push(
    `Subscription table found: ${table}`,
    userColumn === undefined ? `No column of it is seen to hold the user's id: ${columns.map(({ name }) => name).join(', ')}` : `Its column with the user's id: ${userColumn}`,
    statusColumn === undefined ? 'It has no column with a status: every row counts as active' : `Its column with the status: ${statusColumn.name}`,
  )
  const subscriptions = { table, ...(userColumn === undefined ? {} : { userColumn }), statusColumn: statusColumn?.name ?? null, ...(activeStatuses === undefined ? {} : { activeStatuses: [...activeStatuses] }) }
  return { config: { ...creditTypes, subscriptions }, notes }
}

/** The table that the credit tables refer to; else the one whose name says it. */
async function findSubscriptionTable(database: Database, creditTables: readonly Candidate[]): Promise<string | undefined> {
  const referred = await database.select<{ schema: string; name: string; credit: string }>(`
    select n.nspname as schema, c.relname as name, ns.nspname || '.' || s.relname as credit
    from pg_constraint k join pg_class c on c.oid = k.confrelid join pg_namespace n on n.oid = c.relnamespace
    join pg_class s on s.oid = k.conrelid join pg_namespace ns on ns.oid = s.relnamespace
    join pg_attribute a on a.attrelid = k.conrelid and k.conkey = array[a.attnum]
    where k.contype = 'f' and a.attname = 'subscriptionid' order by 1, 2`)
  const own = referred.find(({ credit }) => creditTables.some((table) => `${table.schema}.${table.name}` === credit))
  if (own !== undefined) return nameTable(own)
  const named = await database.select<{ schema: string; name: string }>(`
    select n.nspname as schema, c.relname as name
    from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and ${FOREIGN_SCHEMAS} and c.relname ~* 'subscription' and a.attname = 'id' and a.atttypid = 'uuid'::regtype
    order by c.relname <> 'UserProfileSubscription', length(c.relname), 1, 2 limit 1`)
  return named[0] === undefined ? undefined : nameTable(named[0])
}

function nameTable({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return schema === 'public' ? name : `${schema}.${name}`
}

/** "SkipTraceCredits" and "skip_trace_credits" are skipTrace, "AICredits" is ai. */
export function nameType(table: string): string {
  const stem = table.replace(/[_ -]*credits?$/i, '')
  const words = (stem === '' ? table : stem).replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z])([A-Z][a-z])/g, '$1 $2').split(/[^A-Za-z0-9]+/).filter((word) => word !== '')
  const name = words.map((word, index) => (index === 0 ? word.toLowerCase() : word.charAt(0).toUpperCase() + word.slice(1).toLowerCase())).join('')
  return /^[a-z]/.test(name) ? name.slice(0, 40) : `t${name}`.slice(0, 40)
}
