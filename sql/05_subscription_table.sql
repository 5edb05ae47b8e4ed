-- The user's subscription table: left as it is where it exists, created where it does not.
do $$
declare
  found_columns text;
begin
  if to_regclass({{subscription_table_literal}}) is null then
    create table {{subscription_table}} (
      id uuid primary key default gen_random_uuid(),
      {{user_column}} uuid not null{{status_column_definition}}
    );
    create index on {{subscription_table}} ({{user_column}});
    alter table {{subscription_table}} enable row level security;
    revoke all on table {{subscription_table}} from public, anon, authenticated, service_role;
    grant select, insert, update, delete on table {{subscription_table}} to service_role;
    return;
  end if;

  select string_agg(a.attname, ', ' order by a.attnum) into found_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attnum > 0 and not a.attisdropped;

  if not exists (select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attname = 'id' and a.atttypid = 'uuid'::regtype) then
    raise exception 'creditgate: % has no column "id" of type uuid', {{subscription_table_literal}}
      using detail = 'Its columns are: ' || found_columns;
  end if;
  if not exists (select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attname = {{user_column_literal}} and not a.attisdropped) then
    raise exception 'creditgate: % has no column %, which should hold the id of the Supabase user', {{subscription_table_literal}}, {{user_column_literal}}
      using detail = 'Its columns are: ' || found_columns,
            hint = 'Name the right one: npx creditgate init --user-column <column>';
  end if;
  if {{status_column_literal}} is not null and not exists (
                 select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass({{subscription_table_literal}}) and a.attname = {{status_column_literal}} and not a.attisdropped) then
    raise exception 'creditgate: % has no column %, which should say whether the subscription is active', {{subscription_table_literal}}, {{status_column_literal}}
      using detail = 'Its columns are: ' || found_columns,
            hint = 'Name the right one: npx creditgate init --status-column <column>, or --status-column none where every row is active';
  end if;
end
$$;
