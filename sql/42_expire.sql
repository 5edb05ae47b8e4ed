-- Ends a reservation whose lease is over: with what was reported if work was reported, else with nothing.
-- Returns whether it did. The caller holds the subscription's lock.
create or replace function creditgate.expire(reservation creditgate.reservations)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  now constant timestamptz := clock_timestamp();
begin
  if reservation.state is distinct from 'open' or reservation.lease_until > now then
    return false;
  end if;
  if reservation.reported is null then
    perform creditgate.end_reservation(reservation, 'expired', '{}', now);
  else
    perform creditgate.end_reservation(reservation, 'committed', reservation.reported, now);
  end if;
  return true;
end
$$;
revoke all on function creditgate.expire(creditgate.reservations) from public, anon, authenticated, service_role;
