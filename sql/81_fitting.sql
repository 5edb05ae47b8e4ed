-- Which elements of an array of reserves can be answered in one pass, as reserve_all() says; null: all of them.
-- The caller has locked the subscriptions that are not `busy`.
--
-- Whatever the planner knows of the table, what is open is read by a plain index scan: that marks the entries of what has ended
-- since the last vacuum, so that they are read once. A bitmap scan would read all of them again, each time.
create or replace function creditgate.fitting(subscriptions uuid[], busy uuid[], types text[], keys text[])
returns boolean[]
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_bitmapscan = off
set enable_seqscan = off
as $$
declare
  now constant timestamptz := clock_timestamp();
  ending uuid[] := array(
    select s.id from (select d.id, count(*) as many from unnest(subscriptions) as d (id) where d.id is not null group by d.id) s
    where (select true from creditgate.reservations r
           where r.subscription_id = s.id and r.state = 'open' and r.lease_until <= now limit 1)
       or s.many > {{max_open}}
       or (select true from creditgate.reservations r
           where r.subscription_id = s.id and r.state = 'open' limit 1 offset greatest({{max_open}} - s.many, 0)));
begin
  if cardinality(busy) = 0 and cardinality(ending) = 0 and array_position(types, null) is null and coalesce(array_remove(keys, null), '{}') = '{}' then
    return null;
  end if;
  return (
    select array_agg(f.in_order order by f.n)
    from (
      select e.n, bool_and(e.fits) over (partition by e.subscription order by e.n) as in_order
      from (
        select a.n, a.subscription,
               a.credit_type is not null and a.subscription <> all (busy) and a.subscription <> all (ending)
               and (a.idempotency_key is null
                    or ((select true from creditgate.reservations r
                         where r.subscription_id = a.subscription and r.idempotency_key = a.idempotency_key limit 1) is null
                        and row_number() over (partition by a.subscription, a.idempotency_key order by a.n) = 1)) as fits
        from unnest(subscriptions, types, keys) with ordinality as a (subscription, credit_type, idempotency_key, n)
      ) e
    ) f
  );
end
$$;
revoke all on function creditgate.fitting(uuid[], uuid[], text[], text[]) from public, anon, authenticated, service_role;
