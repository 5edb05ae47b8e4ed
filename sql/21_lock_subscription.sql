-- The first lock of every operation, and the only one that two operations of ours contend for: whoever holds it
-- is alone with the subscription's reservations and credit rows, so the order of all further locks cannot deadlock.
-- An advisory lock and not a row: it writes no WAL, needs no row to exist, and works in every pooling mode.
create or replace function creditgate.lock_subscription(subscription uuid)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));
end
$$;
revoke all on function creditgate.lock_subscription(uuid) from public, anon, authenticated, service_role;
