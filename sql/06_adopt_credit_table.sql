-- Makes one table a credit table: creates it where it is missing, else checks it and adds what creditgate needs.
-- Never touches a row, a grant or a policy of a table that was there before.
create or replace function creditgate.adopt_credit_table(type_name text, schema_of text, name_of text)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  qualified constant text := format('%I.%I', schema_of, name_of);
  credit_table regclass := to_regclass(qualified);
  subscription_table constant regclass := {{subscription_table_literal}}::regclass;
  wrong text;
  definition text;
  dangling bigint;
  example text;
begin
  if credit_table is null then
    execute format(
      'create table %s (
         id uuid primary key,
         allotted integer,
         used integer default 0,
         resetindays integer,
         subscriptionid uuid references %s (id)
       )', qualified, subscription_table);
    execute format('alter table %s enable row level security', qualified);
    execute format('revoke all on table %s from public, anon, authenticated, service_role', qualified);
    execute format('grant select, insert, update, delete on table %s to service_role', qualified);
    credit_table := to_regclass(qualified);
  end if;

  select string_agg(format('"%s" %s', w.column_name, w.column_type), ', ' order by w.column_name) into wrong
  from (values ('id', 'uuid'), ('allotted', 'integer'), ('used', 'integer'), ('resetindays', 'integer'), ('subscriptionid', 'uuid'))
       as w (column_name, column_type)
  where not exists (select from pg_catalog.pg_attribute a
                    where a.attrelid = credit_table and a.attname = w.column_name and not a.attisdropped
                      and a.atttypid = w.column_type::regtype);
  if wrong is not null then
    raise exception 'creditgate: % cannot hold % credits: it lacks the columns %', qualified, type_name, wrong;
  end if;
  if not exists (select from pg_catalog.pg_index i
                 where i.indrelid = credit_table and i.indisunique and i.indisvalid and i.indpred is null and i.indnkeyatts = 1
                   and (select a.attname from pg_catalog.pg_attribute a where a.attrelid = credit_table and a.attnum = i.indkey[0]) = 'id') then
    raise exception 'creditgate: % has no primary key on "id"', qualified
      using hint = format('alter table %s add primary key (id);', qualified);
  end if;

  if not exists (select from pg_catalog.pg_constraint c
                 where c.conrelid = credit_table and c.contype = 'f' and c.confrelid = subscription_table
                   and c.conkey = array[(select a.attnum from pg_catalog.pg_attribute a
                                         where a.attrelid = credit_table and a.attname = 'subscriptionid')]) then
    execute format('select count(*), min(id::text) from %s c where c.subscriptionid is not null
                      and not exists (select from %s s where s.id = c.subscriptionid)', qualified, subscription_table)
      into dangling, example;
    if dangling > 0 then
      raise exception 'creditgate: % rows of % have a subscriptionid that no row of % has, for example id %',
                      dangling, qualified, subscription_table, example
        using hint = format('Mend or delete them, then run the migration again. To see them: select * from %s c where not exists (select from %s s where s.id = c.subscriptionid);',
                            qualified, subscription_table);
    end if;
    execute format('alter table %s add foreign key (subscriptionid) references %s (id)', qualified, subscription_table);
  end if;

  -- "add column if not exists" would take the strongest lock each time the migration runs.
  for definition in
    select w.column_definition
    from (values ('cycle', 'cycle integer not null default 0'), ('cyclestart', 'cyclestart timestamptz not null default now()'))
         as w (column_name, column_definition)
    where not exists (select from pg_catalog.pg_attribute a
                      where a.attrelid = credit_table and a.attname = w.column_name and not a.attisdropped)
  loop
    execute format('alter table %s add column %s', qualified, definition);
  end loop;

  if not exists (select from pg_catalog.pg_index i
                 where i.indrelid = credit_table and i.indisvalid and i.indpred is null
                   and (select a.attname from pg_catalog.pg_attribute a where a.attrelid = credit_table and a.attnum = i.indkey[0]) = 'subscriptionid') then
    execute format('create index on %s (subscriptionid)', qualified);
  end if;

  -- Room in each page keeps the updates of `used` heap-only: no index entry is written for them.
  if not exists (select from pg_catalog.pg_class c, unnest(c.reloptions) as o (setting)
                 where c.oid = credit_table and o.setting like 'fillfactor=%') then
    execute format('alter table %s set (fillfactor = 70)', qualified);
  end if;

  insert into creditgate.credit_types (name, table_schema, table_name)
  values (type_name, schema_of, name_of)
  on conflict (name) do update set table_schema = excluded.table_schema, table_name = excluded.table_name
  where (credit_types.table_schema, credit_types.table_name) is distinct from (excluded.table_schema, excluded.table_name);

  -- Said, never mended: grants and policies of the user's own tables are the user's.
  if not (select c.relrowsecurity from pg_catalog.pg_class c where c.oid = credit_table)
     and (has_any_column_privilege('authenticated', credit_table, 'update') or has_any_column_privilege('anon', credit_table, 'update')) then
    raise warning 'creditgate: a signed-in user can change % through the Data API, and so their own credits', qualified
      using hint = format('alter table %s enable row level security; revoke insert, update, delete, truncate on %s from anon, authenticated;', qualified, qualified);
  end if;
end
$$;
revoke all on function creditgate.adopt_credit_table(text, text, text) from public, anon, authenticated, service_role;
