create table if not exists creditgate.schema_versions (
  version    integer primary key,
  applied_at timestamptz not null default now()
);
alter table creditgate.schema_versions enable row level security;
revoke all on table creditgate.schema_versions from public, anon, authenticated, service_role;
