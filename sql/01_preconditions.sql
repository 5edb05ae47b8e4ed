-- What must be true before anything is created. Runs first, writes nothing.
do $$
declare
  missing text;
  newest integer;
begin
  -- Two deployments may run this at the same moment: the second waits, then finds everything done.
  perform pg_advisory_xact_lock(hashtextextended('creditgate.migration', 0));

  if current_setting('server_version_num')::integer < 150000 then
    raise exception 'creditgate needs Postgres 15 or newer; this is %', current_setting('server_version');
  end if;

  select string_agg(wanted.role_name, ', ') into missing
  from unnest(array['anon', 'authenticated', 'service_role']) as wanted (role_name)
  where not exists (select from pg_catalog.pg_roles r where r.rolname = wanted.role_name);
  if missing is not null then
    raise exception 'creditgate: this database has no role %', missing
      using hint = 'creditgate runs on Supabase databases. On a plain Postgres create the roles first: create role <name> nologin;';
  end if;

  if to_regclass('creditgate.schema_versions') is not null then
    execute 'select max(version) from creditgate.schema_versions' into newest;
    if newest > {{schema_version}} then
      raise exception 'creditgate: this database has schema version %, this migration is the older version {{schema_version}}', newest
        using hint = 'Upgrade the creditgate package and print the migration again: npx creditgate sql';
    end if;
  end if;
end
$$;
