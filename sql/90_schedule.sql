-- Optional: a sweep every few minutes by pg_cron. Nothing depends on it.
do $$
declare
  every_minutes constant integer := {{sweep_every_minutes}};
  prune_after_days constant integer := {{prune_after_days}};
  command text := 'select creditgate.sweep(''{"most": 1000}'')';
begin
  if every_minutes is null then
    return;
  elsif to_regprocedure('cron.schedule(text, text, text)') is null then
    raise warning 'creditgate: the sweep is not scheduled: this database has no pg_cron'
      using hint = 'Enable it and run the migration again: create extension pg_cron with schema pg_catalog; Or call creditgate_sweep from any other scheduler.';
    return;
  end if;
  if prune_after_days is not null then
    command := command || format(', creditgate.prune(''{"most": 1000, "olderThanDays": %s}'')', prune_after_days);
  end if;
  execute format('select cron.schedule(%L, %L, %L)', 'creditgate-sweep', format('*/%s * * * *', every_minutes), command);
end
$$;
