import { createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

/** A simple view can be written through, as its owner, past every policy of the table: 28 is insert, update or delete. */
const WRITABLE = `
  select distinct format('%I.%I', n.nspname, v.relname) as view, r.rolname as role
  from pg_depend d
  join pg_rewrite w on w.oid = d.objid
  join pg_class v on v.oid = w.ev_class and v.relkind = 'v'
  join pg_namespace n on n.oid = v.relnamespace
  join pg_roles r on r.rolname in ('anon', 'authenticated')
  where d.classid = 'pg_rewrite'::regclass and d.refclassid = 'pg_class'::regclass and d.refobjid = $1::regclass
    and coalesce((select o.option_value::boolean from pg_options_to_table(v.reloptions) o where o.option_name = 'security_invoker'), false) = false
    and pg_relation_is_updatable(v.oid, false) & 28 > 0
    and has_schema_privilege(r.oid, v.relnamespace, 'usage')
    and (has_any_column_privilege(r.oid, v.oid, 'insert, update') or has_table_privilege(r.oid, v.oid, 'delete'))
  order by 1, 2`

/** Views over the credit tables and the subscription table that are a way around the tables' own protection. */
export async function checkViewAccess({ database, creditTables, subscriptions }: Scene): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const table of [...creditTables.map((each) => each.table), ...(subscriptions === null ? [] : [subscriptions.table])]) {
    const found = await database.select<{ view: string; role: string }>(WRITABLE, [table])
    for (const view of new Set(found.map((each) => each.view))) {
      const roles = found.filter((each) => each.view === view).map(({ role }) => role)
      findings.push(
        createFinding('view-access', 'error', `${roles.join(' and ')} can change ${table} through this view`, {
          subject: view,
          means: 'The view writes with the rights of its owner, so that no policy of the table is asked.',
          sql: `revoke insert, update, delete on ${view} from public, anon, authenticated;`,
        }),
      )
    }
  }
  return orOk('view-access', findings, 'no view is a way around them')
}
