-- Makes an empty Postgres look like a Supabase project to creditgate, the Data API and the tests: its roles, its
-- schemas, its default privileges of the classic kind. Run once for each cluster and database, as a superuser.
do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then
    create role anon nologin;
    create role authenticated nologin;
    create role service_role nologin bypassrls;
    create role authenticator login noinherit password 'authenticator';
    grant anon, authenticated, service_role to authenticator;
    alter role anon set statement_timeout = '3s';
    alter role authenticated set statement_timeout = '8s';
    alter role authenticator set statement_timeout = '8s';
    alter role authenticator set lock_timeout = '8s';
  end if;
  if not exists (select from pg_roles where rolname = 'postgres') then
    create role postgres login password 'postgres' nosuperuser createdb createrole replication bypassrls;
  end if;
  grant anon, authenticated, service_role to postgres with admin option;
end
$$;
grant usage on schema public to postgres, anon, authenticated, service_role;
grant create on schema public to postgres;
alter default privileges for role postgres in schema public grant all on tables to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on functions to postgres, anon, authenticated, service_role;
alter default privileges for role postgres in schema public grant all on sequences to postgres, anon, authenticated, service_role;
create schema if not exists auth;
grant usage on schema auth to postgres, anon, authenticated, service_role;
create table if not exists auth.users (id uuid primary key default gen_random_uuid(), email text, banned_until timestamptz, deleted_at timestamptz);
create table if not exists auth.sessions (id uuid primary key default gen_random_uuid(), user_id uuid not null references auth.users (id), not_after timestamptz);
grant all on auth.users, auth.sessions to postgres;
