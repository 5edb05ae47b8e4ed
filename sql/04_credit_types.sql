-- The credit types and the table each one stands on. The functions that touch those tables are generated with
-- the table's name in them, so that their plans are cached; this table is what people and tools read.
create table if not exists creditgate.credit_types (
  name         text primary key,
  table_schema text not null,
  table_name   text not null,
  constraint "a credit type has a table of its own" unique (table_schema, table_name)
);
alter table creditgate.credit_types enable row level security;
revoke all on table creditgate.credit_types from public, anon, authenticated, service_role;
