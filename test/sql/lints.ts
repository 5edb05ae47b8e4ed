/** One rule of splinter, or of our own: a query for the names of what breaks it, and a fault that it must find. */
export interface Lint {
  readonly name: string
  /** Selects `name`. */
  readonly offenders: string
  readonly fault: string
  /** What of the fault the query must name. */
  readonly finds: string
}

const OURS = `('public'::regnamespace, 'creditgate'::regnamespace)`
const FUNCTIONS = `pg_proc p where p.pronamespace in ${OURS}`
const RELATIONS = `pg_class c where c.relnamespace in ${OURS}`
const FUNCTION = `p.oid::regprocedure::text as name`
const RELATION = `c.oid::regclass::text as name`
const CLIENTS = `unnest(array['public', 'anon', 'authenticated']) as r (role)`
const MAY_ANYTHING = `has_table_privilege(r.role, c.oid, 'select, insert, update, delete, truncate, references, trigger') or has_any_column_privilege(r.role, c.oid, 'select, insert, update, references')`
/** An index that finds the rows by these columns, whatever follows them. */
const leadsWith = (columns: string, relation: string) => `exists (
  select from pg_index i where i.indrelid = ${relation} and i.indisvalid and i.indpred is null
    and (string_to_array(i.indkey::text, ' ')::smallint[])[1:cardinality(${columns})] @> ${columns})`

/**
 * The rules that matter for what we ship. Supabase CLI 3.1.0 has those up to 0024, for the schemas that it knows of; 0026
 * to 0029 are the hosted advisors'. 0025 is about storage, which is not ours. The numbers are splinter's.
 */
export const LINTS: readonly Lint[] = [
  {
    name: '0001: every foreign key has an index',
    offenders: `select k.conrelid::regclass || ' ' || k.conname as name from pg_constraint k where k.connamespace in ${OURS} and k.contype = 'f' and not ${leadsWith('k.conkey', 'k.conrelid')}`,
    fault: 'drop index "AICredits_subscriptionid_idx"',
    finds: '"AICredits" AICredits_subscriptionid_fkey',
  },
  {
    name: 'ours: every credit table finds the rows of a subscription by an index',
    offenders: `select t.table_name as name from creditgate.credit_types t join pg_attribute a
      on a.attrelid = format('%I.%I', t.table_schema, t.table_name)::regclass and a.attname = 'subscriptionid' where not ${leadsWith('array[a.attnum]', 'a.attrelid')}`,
    fault: 'drop index "LeadCredits_subscriptionid_idx"; create index on "LeadCredits" (subscriptionid) where used > 0',
    finds: 'LeadCredits',
  },
  {
    name: '0004: every table has a primary key',
    offenders: `select ${RELATION} from ${RELATIONS} and c.relkind in ('r', 'p') and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`,
    fault: 'create table creditgate.fault (id integer)',
    finds: 'creditgate.fault',
  },
  {
    name: '0009: no two indexes are the same',
    offenders: `select min(i.indexrelid::regclass::text) as name from pg_index i, ${RELATIONS} and c.oid = i.indrelid
      group by i.indrelid, i.indkey::text, i.indclass::text, i.indoption::text, pg_get_expr(i.indpred, i.indrelid), pg_get_expr(i.indexprs, i.indrelid) having count(*) > 1`,
    fault: 'create index fault on creditgate.reservations (ended_at) where state <> \'open\'',
    finds: 'creditgate.fault',
  },
  {
    name: "0010: every view has its reader's rights",
    offenders: `select ${RELATION} from ${RELATIONS} and c.relkind = 'v' and not coalesce(c.reloptions, '{}') && array['security_invoker=true', 'security_invoker=on']`,
    fault: 'create view creditgate.fault as select 1 as one',
    finds: 'creditgate.fault',
  },
  {
    name: '0011: every function has a search_path, and it is empty',
    offenders: `select ${FUNCTION} from ${FUNCTIONS} and not coalesce(p.proconfig, '{}') @> array['search_path=""']`,
    fault: "create function creditgate.fault() returns int language sql set search_path = public as 'select 1'",
    finds: 'creditgate.fault()',
  },
  {
    name: '0013: every table has row level security',
    offenders: `select ${RELATION} from ${RELATIONS} and c.relkind in ('r', 'p') and not c.relrowsecurity`,
    fault: 'create table creditgate.fault (id integer primary key)',
    finds: 'creditgate.fault',
  },
  {
    name: '0008: no table is open to a client without a policy that says what of it',
    offenders: `select distinct ${RELATION} from ${CLIENTS}, ${RELATIONS} and c.relkind in ('r', 'p') and (${MAY_ANYTHING}) and not exists (select from pg_policy p where p.polrelid = c.oid)`,
    fault: 'grant update (used) on "AICredits" to authenticated',
    finds: '"AICredits"',
  },
  {
    name: '0014: no extension is in public or among ours',
    offenders: `select e.extname as name from pg_extension e where e.extnamespace in ${OURS}`,
    fault: 'create extension citext schema public',
    finds: 'citext',
  },
  {
    name: '0016, 0017: there is no materialized view and no foreign table',
    offenders: `select ${RELATION} from ${RELATIONS} and c.relkind in ('m', 'f')`,
    fault: 'create materialized view creditgate.fault as select 1 as one',
    finds: 'creditgate.fault',
  },
  {
    name: '0024: no policy is always true',
    offenders: `select p.polname as name from pg_policy p, ${RELATIONS} and c.oid = p.polrelid and 'true' in (pg_get_expr(p.polqual, c.oid), pg_get_expr(p.polwithcheck, c.oid))`,
    fault: 'create policy fault on "AICredits" for update to authenticated using (true)',
    finds: 'fault',
  },
  {
    name: '0026, 0027: no client may read a table or view',
    offenders: `select distinct ${RELATION} from ${CLIENTS}, ${RELATIONS} and c.relkind in ('r', 'p', 'v', 'm', 'f') and (has_table_privilege(r.role, c.oid, 'select') or has_any_column_privilege(r.role, c.oid, 'select'))`,
    fault: 'grant select (id) on creditgate.reservations to authenticated',
    finds: 'creditgate.reservations',
  },
  {
    name: '0028, 0029: no client may execute an exposed function that has the rights of its owner',
    offenders: `select distinct ${FUNCTION} from ${CLIENTS}, ${FUNCTIONS} and p.pronamespace = 'public'::regnamespace and p.prosecdef and has_function_privilege(r.role, p.oid, 'execute')`,
    fault: 'grant execute on function creditgate_reserve(jsonb) to authenticated',
    finds: 'creditgate_reserve(jsonb)',
  },
  {
    name: 'ours: nor one that is not exposed, but for a user\'s own balance',
    offenders: `select distinct ${FUNCTION} from ${CLIENTS}, ${FUNCTIONS} and p.pronamespace = 'creditgate'::regnamespace and p.prosecdef and has_function_privilege(r.role, p.oid, 'execute')
      and (r.role, p.proname) <> ('authenticated', 'own_balance')`,
    fault: 'grant execute on function creditgate.own_balance() to anon',
    finds: 'creditgate.own_balance()',
  },
]
