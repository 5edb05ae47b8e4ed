-- Locks subscriptions in one order for every caller, and returns those it could not get. All in all it waits a quarter of a
-- second for someone who is stuck: the others of an array wait no longer than that for one of them.
create or replace function creditgate.lock_subscriptions(subscriptions uuid[])
returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  subscription uuid;
  busy uuid[] := array[]::uuid[];
begin
  perform set_config('lock_timeout', '250ms', true);
  begin
    -- The lock of lock_subscription(), without a call for each of hundreds.
    perform count(pg_advisory_xact_lock(hashtextextended('creditgate:' || s.id, 0)))
    from (select distinct d.id from unnest(subscriptions) as d (id) where d.id is not null order by 1) s;
    return busy;
  exception when lock_not_available then
    null; -- One of them is stuck: take the rest, without waiting again.
  end;
  for subscription in select distinct s.id from unnest(subscriptions) as s (id) where s.id is not null order by 1 loop
    if not creditgate.try_lock_subscription(subscription) then busy := busy || subscription; end if;
  end loop;
  return busy;
end
$$;
revoke all on function creditgate.lock_subscriptions(uuid[]) from public, anon, authenticated, service_role;
