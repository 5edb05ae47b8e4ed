-- The lock of lock_subscription() for those who have other things to do meanwhile. Returns whether it was free.
create or replace function creditgate.try_lock_subscription(subscription uuid)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));
end
$$;
revoke all on function creditgate.try_lock_subscription(uuid) from public, anon, authenticated, service_role;
