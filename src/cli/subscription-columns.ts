import { quoteIdentifier, splitTable } from '../migration.ts'
import type { Database } from './database.ts'

/** A column of the subscription table. `refers`: the table that its foreign key points to. `labels`: of an enum. */
export interface Column {
  readonly name: string
  readonly type: string
  readonly refers: string | null
  readonly labels: readonly string[] | null
}

export function listColumns(database: Database, table: string): Promise<readonly Column[]> {
  const { schema, name } = splitTable(table)
  return database.select<Column>(
    `select a.attname as name, format_type(a.atttypid, null) as type,
            (select n.nspname || '.' || f.relname from pg_constraint k join pg_class f on f.oid = k.confrelid join pg_namespace n on n.oid = f.relnamespace
             where k.conrelid = a.attrelid and k.contype = 'f' and k.conkey = array[a.attnum] limit 1) as refers,
            (select jsonb_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = a.atttypid) as labels
     from pg_attribute a where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum`,
    [`${quoteIdentifier(schema)}.${quoteIdentifier(name)}`],
  )
}

const USER_NAMES = ['userid', 'useruid', 'authuserid', 'owner', 'ownerid', 'profileid', 'uid', 'createdby', 'user']
const STATUS_NAMES = ['status', 'subscriptionstatus', 'state', 'planstatus']
const ACTIVE = ['active', 'trialing', 'trial', 'paid']

const simplify = (name: string): string => name.toLowerCase().replaceAll('_', '')

/** A foreign key to auth.users says it; else one to a table of users or profiles; else the name. */
export function chooseUserColumn(columns: readonly Column[]): string | undefined {
  const ids = columns.filter(({ type, name }) => ['uuid', 'text', 'character varying'].includes(type) && name !== 'id')
  const byName = USER_NAMES.map((wanted) => ids.find(({ name }) => simplify(name) === wanted)).find((column) => column !== undefined)
  return (ids.find(({ refers }) => refers === 'auth.users') ?? ids.find(({ refers }) => refers !== null && /users?$|profiles?$/i.test(refers)) ?? byName)?.name
}

export function chooseStatusColumn(columns: readonly Column[]): Column | undefined {
  const texts = columns.filter(({ type, labels }) => labels !== null || type === 'text' || type === 'character varying')
  return STATUS_NAMES.map((wanted) => texts.find(({ name }) => simplify(name) === wanted)).find((column) => column !== undefined)
}

/**
 * Of the values that an enum has or the table holds, those that mean active, written as they are there. None where the default says
 * as much: that no subscription is trialing today does not mean that none will be.
 */
export async function chooseStatuses(database: Database, { table, column }: { readonly table: string; readonly column: Column }): Promise<readonly string[] | undefined> {
  const { schema, name } = splitTable(table)
  const held = `select distinct v.value from (select ${quoteIdentifier(column.name)}::text as value from ${quoteIdentifier(schema)}.${quoteIdentifier(name)} limit 10000) v where v.value is not null`
  const values = column.labels ?? (await database.select<{ value: string }>(held)).map(({ value }) => value)
  const active = ACTIVE.flatMap((wanted) => values.filter((value) => value.toLowerCase() === wanted))
  const unusual = column.labels !== null || active.some((value) => value !== 'active' && value !== 'trialing')
  return active.length > 0 && unusual ? active : undefined
}
