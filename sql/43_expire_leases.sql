-- Ends the reservations of a subscription whose lease is over, so that what a dead process held can be spent again.
-- The caller holds the subscription's lock.
create or replace function creditgate.expire_leases(subscription uuid)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  reservation creditgate.reservations;
begin
  for reservation in
    select r.* from creditgate.reservations r
    where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= clock_timestamp()
    order by r.id
  loop
    perform creditgate.expire(reservation);
  end loop;
end
$$;
revoke all on function creditgate.expire_leases(uuid) from public, anon, authenticated, service_role;
