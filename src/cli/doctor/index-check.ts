import { createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

const INDEXED = `
  select exists (select from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
                 where i.indrelid = $1::regclass and i.indisvalid and i.indpred is null and a.attname = $2) as indexed,
         coalesce((select o.option_value::int from pg_class c, pg_options_to_table(c.reloptions) o
                   where c.oid = $1::regclass and o.option_name = 'fillfactor'), 100) as fillfactor`

interface Layout {
  readonly indexed: boolean
  readonly fillfactor: number
}

/** What makes a call cheap: it finds its rows by an index, and updates them in place. */
export async function checkIndexes({ database, version, creditTables, subscriptions }: Scene): Promise<readonly Finding[]> {
  if (version === null) return []
  const findings: Finding[] = []
  const missing = (table: string, column: string) =>
    createFinding('indexes', 'warning', `no index begins with ${column}`, {
      subject: table,
      means: 'Each call reads the whole table. On a large one that is in use, write "create index concurrently" outside of a transaction.',
      sql: `create index on ${table} (${column});`,
    })
  for (const { table } of creditTables) {
    const [layout] = await database.select<Layout>(INDEXED, [table, 'subscriptionid'])
    if (layout?.indexed === false) findings.push(missing(table, 'subscriptionid'))
    if (layout !== undefined && layout.fillfactor >= 100) {
      findings.push(createFinding('indexes', 'warning', 'its pages are filled to the brim (fillfactor 100)', { subject: table, means: 'A change of "used" then also writes every index of the table. New pages keep room from then on.', sql: `alter table ${table} set (fillfactor = 70);` }))
    }
  }
  if (subscriptions !== null && subscriptions.userColumn !== null) {
    const [layout] = await database.select<Layout>(INDEXED, [subscriptions.table, subscriptions.userColumn.slice(1, -1).replaceAll('""', '"')])
    if (layout?.indexed === false) findings.push(missing(subscriptions.table, subscriptions.userColumn))
  }
  return orOk('indexes', findings, 'rows are found by an index and updated in place')
}
