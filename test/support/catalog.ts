import type { Queryable } from './seed.ts'

/** What the catalog says of the schemas `public` and `creditgate`, in lines that do not depend on the Postgres version. */

const OURS = `n.nspname in ('creditgate', 'public')`
const FUNCTION = `format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))`
const TYPE = `format('%I.%I', n.nspname, t.typname)`
const RELATION = `format('%I.%I', n.nspname, c.relname)`
const KIND = `case c.relkind when 'S' then 'sequence' when 'v' then 'view' when 'm' then 'materialized view' when 'f' then 'foreign table' else 'table' end`
const IS_RELATION = `c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')`
// A table's row type goes with its table, and an array type with its element.
const IS_TYPE = `(t.typrelid = 0 or (select c.relkind from pg_class c where c.oid = t.typrelid) = 'c') and t.typelem = 0`

/** To whom but its owner an access list grants what: `execute to service_role`. Where there is none, Postgres has a default. */
const grants = (list: string, kind: string, owner: string) => `coalesce((
  select string_agg(g.line, ', ' order by g.line) from (
    select lower(string_agg(a.privilege_type, '/' order by a.privilege_type)) || ' to ' || case when a.grantee = 0 then 'public' else a.grantee::regrole::text end as line
    from aclexplode(coalesce(${list}, acldefault(${kind}, ${owner}))) a where a.grantee <> ${owner} group by a.grantee) g), 'nobody')`

const SCHEMA = `
  select 1 as rank, 'schema ' || n.nspname as object, 0 as place, 'granted: ' || ${grants('n.nspacl', `'n'`, 'n.nspowner')} as line
  from pg_namespace n where n.nspname = 'creditgate'
  union all
  select 2, 'type ' || ${TYPE}, 0, 'granted: ' || ${grants('t.typacl', `'T'`, 't.typowner')}
  from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${OURS} and ${IS_TYPE}
  union all
  select 2, 'type ' || ${TYPE}, 100 + a.attnum, format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
  from pg_type t join pg_namespace n on n.oid = t.typnamespace join pg_attribute a on a.attrelid = t.typrelid
  where ${OURS} and ${IS_TYPE} and a.attnum > 0 and not a.attisdropped
  union all
  select 3, ${KIND} || ' ' || ${RELATION}, 0, 'granted: ' || ${grants('c.relacl', `case c.relkind when 'S' then 's'::"char" else 'r' end`, 'c.relowner')}
         || case when c.relrowsecurity then '; row level security' else '' end
         || coalesce('; ' || array_to_string(c.reloptions, ', '), '')
  from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS} and ${IS_RELATION}
  union all
  select 3, ${KIND} || ' ' || ${RELATION}, 100 + a.attnum, format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod))
         || case when a.attnotnull then ' not null' else '' end
         || case when a.attidentity <> '' then ' identity' else coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '') end
         || case when a.attacl is not null then '; granted: ' || a.attacl::text else '' end
  from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
  left join pg_attrdef d on (d.adrelid, d.adnum) = (a.attrelid, a.attnum)
  where ${OURS} and ${IS_RELATION} and c.relkind <> 'S' and a.attnum > 0 and not a.attisdropped
  union all
  -- Since version 18 a "not null" is a constraint too; it is told with its column.
  select 3, ${KIND} || ' ' || ${RELATION}, 2000, format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
  from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace where ${OURS} and k.contype <> 'n'
  union all
  select 3, ${KIND} || ' ' || ${RELATION}, 3000, pg_get_indexdef(i.indexrelid)
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace where ${OURS}
  union all
  select 3, ${KIND} || ' ' || ${RELATION}, 4000, format('policy %I for %s to %s using (%s) with check (%s)', p.polname, p.polcmd, p.polroles::regrole[], pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
  from pg_policy p join pg_class c on c.oid = p.polrelid join pg_namespace n on n.oid = c.relnamespace where ${OURS}
  union all
  select 3, ${KIND} || ' ' || ${RELATION}, 5000, pg_get_triggerdef(g.oid)
  from pg_trigger g join pg_class c on c.oid = g.tgrelid join pg_namespace n on n.oid = c.relnamespace where ${OURS} and not g.tgisinternal
  union all
  select 4, 'function ' || ${FUNCTION}, 0, 'granted: ' || ${grants('p.proacl', `'f'`, 'p.proowner')}
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}
  union all
  select 4, 'function ' || ${FUNCTION}, 100, format('returns %s; %s %s', pg_get_function_result(p.oid), l.lanname,
         case p.provolatile when 'i' then 'immutable' when 's' then 'stable' else 'volatile' end)
         || case when p.prosecdef then ' security definer' else '' end || coalesce('; ' || array_to_string(p.proconfig, ', '), '')
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace join pg_language l on l.oid = p.prolang where ${OURS}`

/** What stands in sql/ in so many words, and here as one: the body of each function and view, and what is remarked on it. */
const BODIES = `
  select 'function ' || ${FUNCTION} as object, md5(p.prosrc) || coalesce(' ' || obj_description(p.oid, 'pg_proc'), '') as line
  from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}
  union all
  select 'view ' || ${RELATION}, md5(pg_get_viewdef(c.oid)) from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${OURS} and c.relkind in ('v', 'm')`

/** Each schema, type, table, view, sequence and function, without the bodies: one block each. */
export async function describeSchema(database: Queryable): Promise<string> {
  const rows = await database.query<{ object: string; line: string }>(`select object, line from (${SCHEMA}) s order by rank, object collate "C", place, line collate "C"`)
  const objects = [...new Set(rows.map(({ object }) => object))]
  return objects.map((object) => [object, ...rows.filter((row) => row.object === object).map(({ line }) => `  ${line}`)].join('\n')).join('\n\n')
}

/** The schema and the bodies: equal for two databases that no use can tell apart. */
export async function readCatalog(database: Queryable): Promise<string> {
  const bodies = await database.query<{ body: string }>(`select object || ' ' || line as body from (${BODIES}) b order by 1`)
  return [await describeSchema(database), ...bodies.map(({ body }) => body)].join('\n')
}

const HOLDERS = ['public', 'anon', 'authenticated', 'service_role'] as const

/** Every privilege that one of them really has, by itself or through another, on anything in both schemas: `anon: select on table public.x`. */
export async function listPrivileges(database: Queryable): Promise<string[]> {
  const rows = await database.query<{ line: string }>(
    `select h.holder || ': ' || lower(o.privilege) || ' on ' || o.object as line
     from unnest($1::text[]) as h (holder) cross join lateral (
       select 'schema ' || n.nspname as object, a.privilege_type as privilege, has_schema_privilege(h.holder, n.oid, a.privilege_type) as has
       from pg_namespace n, aclexplode(acldefault('n', n.nspowner)) a where n.nspname = 'creditgate' and a.grantee = n.nspowner
       union all
       select 'type ' || ${TYPE}, 'USAGE', has_type_privilege(h.holder, t.oid, 'USAGE')
       from pg_type t join pg_namespace n on n.oid = t.typnamespace where ${OURS} and ${IS_TYPE}
       union all
       select 'function ' || ${FUNCTION}, 'EXECUTE', has_function_privilege(h.holder, p.oid, 'EXECUTE')
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where ${OURS}
       union all
       select ${KIND} || ' ' || ${RELATION}, a.privilege_type, case
                when c.relkind = 'S' then has_sequence_privilege(h.holder, c.oid, a.privilege_type)
                else has_table_privilege(h.holder, c.oid, a.privilege_type)
                     or (a.privilege_type in ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES') and has_any_column_privilege(h.holder, c.oid, a.privilege_type)) end
       from pg_class c join pg_namespace n on n.oid = c.relnamespace,
            aclexplode(acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner)) a
       where ${OURS} and ${IS_RELATION}) o
     where o.has order by 1`,
    [HOLDERS],
  )
  return rows.map(({ line }) => line)
}
