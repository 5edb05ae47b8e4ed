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

-- Everything of ours is locked here at once, in the order in which calls and readers come to it: who waits for the first
-- holds none of the others, so that a database in use without a pause is migrated too. A sweep has another order; for its
-- sake, and that of people's own statements, all is let go and tried again sooner than Postgres would call it a deadlock
-- (deadlock_timeout, 1 s), which ends either side.
do $$
declare
  before constant text := current_setting('lock_timeout');
  places constant text[] := array['violations', 'allocations', 'due_rows', 'credit_rows', 'credit_types', 'reservations', 'acts', 'adjustments', 'responses'];
  relation record;
begin
  perform set_config('lock_timeout', '100ms', true);
  for attempt in 1..100 loop
    begin
      for relation in
        select c.oid::regclass as name, c.relkind = 'v' as is_view from pg_catalog.pg_class c
        where c.relnamespace = to_regnamespace('creditgate') and c.relkind in ('r', 'v')
        order by array_position(places, c.relname::text), c.relname
      loop
        -- "lock table" of a view would lock the user's tables behind it too.
        execute format(case when relation.is_view then 'alter view %s set (security_invoker = true)'
                            else 'lock table %s in access exclusive mode' end, relation.name);
      end loop;
      exit;
    exception when lock_not_available or deadlock_detected then
      if attempt = 100 then
        raise exception 'creditgate: the tables of schema creditgate are in use without a pause, last %', relation.name
          using errcode = 'lock_not_available', hint = 'Look for a transaction that stays open: select * from pg_stat_activity where state <> ''idle''. Then run the migration again: nothing was changed.';
      end if;
      perform pg_sleep(random() * 0.1);
    end;
  end loop;
  perform set_config('lock_timeout', before, true);
end
$$;
