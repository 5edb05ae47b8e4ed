import { quoteIdentifier, quoteLiteral, splitTable, type CompleteDatabaseConfig } from '../../migration.ts'
import { SCHEMA_VERSION } from '../../schema-version.ts'
import type { Database } from '../database.ts'

/** What every check needs to know of the database. */
export interface Scene {
  readonly database: Database
  /** null: creditgate is not set up here. */
  readonly version: number | null
  /** It is the version that this package works with. */
  readonly current: boolean
  readonly role: string
  readonly server: string
  readonly creditTables: readonly CreditTable[]
  readonly subscriptions: SubscriptionTable | null
}

/** `table`: quoted where it has to be, with its schema. */
export interface CreditTable {
  readonly creditType: string
  readonly table: string
}

/** `userColumn` (quoted) and `condition` are null when the user wrote their own `creditgate.subscription_of`: only it knows them. */
export interface SubscriptionTable {
  readonly table: string
  readonly userColumn: string | null
  readonly statusColumn: string | null
  /** What makes a row `s` active, as SQL: ` and s."status"::text in ('active')`; empty: every row is. */
  readonly condition: string | null
  readonly edited: boolean
}

/** Reads it from the database where creditgate is set up, from the settings where it is not. */
export async function readScene(database: Database, config: CompleteDatabaseConfig): Promise<Scene> {
  const [basics] = await database.select<{ role: string; server: string; migrated: boolean }>(
    "select current_user as role, current_setting('server_version') as server, to_regclass('creditgate.schema_versions') is not null as migrated",
  )
  const version = basics?.migrated === true ? ((await database.select<{ version: number | null }>('select max(v.version) as version from creditgate.schema_versions v'))[0]?.version ?? null) : null
  const named = version === null ? nameTables(config) : await database.select<CreditTable>(`select t.name as "creditType", format('%I.%I', t.table_schema, t.table_name) as table from creditgate.credit_types t order by 1`)
  const present = await nameAsPostgresDoes(database, named.map(({ table }) => table))
  return {
    database,
    version,
    current: version === SCHEMA_VERSION,
    role: basics?.role ?? '',
    server: basics?.server ?? '',
    creditTables: named.flatMap(({ creditType, table }) => {
      const found = present.get(table)
      return found === undefined ? [] : [{ creditType, table: found }]
    }),
    subscriptions: version === null ? await readConfigured(database, config) : await readGenerated(database),
  }
}

function nameTables({ creditTypes }: CompleteDatabaseConfig): readonly CreditTable[] {
  return Object.entries(creditTypes).map(([creditType, table]) => ({ creditType, table: qualify(table) }))
}

/** The tables that are there, each under the name it was asked for. */
async function nameAsPostgresDoes(database: Database, tables: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = await database.select<{ given: string; table: string }>(
    `select t.value as given, format('%I.%I', n.nspname, c.relname) as table
     from jsonb_array_elements_text($1::text::jsonb) t join pg_class c on c.oid = to_regclass(t.value) join pg_namespace n on n.oid = c.relnamespace`,
    [JSON.stringify(tables)],
  )
  return new Map(found.map(({ given, table }) => [given, table]))
}

function qualify(table: string): string {
  const { schema, name } = splitTable(table)
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`
}

async function readConfigured(database: Database, { subscriptions }: CompleteDatabaseConfig): Promise<SubscriptionTable | null> {
  const given = qualify(subscriptions.table)
  const table = (await nameAsPostgresDoes(database, [given])).get(given)
  if (table === undefined) return null
  const { userColumn, statusColumn, activeStatuses } = subscriptions
  const wanted = [userColumn, ...(statusColumn === null ? [] : [statusColumn])]
  const [found] = await database.select<{ columns: number }>(
    'select count(*) as columns from pg_attribute a where a.attrelid = to_regclass($1) and not a.attisdropped and a.attname in (select jsonb_array_elements_text($2::text::jsonb))',
    [table, JSON.stringify(wanted)],
  )
  if ((found?.columns ?? 0) < wanted.length) return { table, userColumn: null, statusColumn: null, condition: null, edited: false }
  const condition = statusColumn === null ? '' : ` and s.${quoteIdentifier(statusColumn)}::text in (${activeStatuses.map(quoteLiteral).join(', ')})`
  return { table, userColumn: quoteIdentifier(userColumn), statusColumn: statusColumn === null ? null : quoteIdentifier(statusColumn), condition, edited: false }
}

const GENERATED = /from (?<table>.+) s\s+where s\.(?<user>"(?:[^"]|"")+") = spender::[^\n]*?(?<condition> and s\.(?<status>"(?:[^"]|"")+")::text in \(.*\))?\n/

/** The generated functions hold the names: they are what the database really does, whatever a file says. */
async function readGenerated(database: Database): Promise<SubscriptionTable | null> {
  const [found] = await database.select<{ known: string | null; body: string | null; edited: boolean }>(`
    select (select substring(p.prosrc from 'from (.+) s where') from pg_proc p where p.oid = to_regprocedure('creditgate.is_subscription(uuid)')) as known,
           p.prosrc as body, md5(p.prosrc) is distinct from substring(obj_description(p.oid, 'pg_proc') from 'generated ([0-9a-f]{32})') as edited
    from (select to_regprocedure('creditgate.subscription_of(uuid)') as oid) f left join pg_proc p on p.oid = f.oid`)
  const table = found?.known == null ? undefined : (await nameAsPostgresDoes(database, [found.known])).get(found.known)
  if (found === undefined || table === undefined) return null
  const parts = found.edited ? undefined : GENERATED.exec(found.body ?? '')?.groups
  return { table, userColumn: parts?.['user'] ?? null, statusColumn: parts?.['status'] ?? null, condition: parts === undefined ? null : (parts['condition'] ?? ''), edited: found.edited }
}
