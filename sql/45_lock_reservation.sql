-- How every operation begins: lock the subscription, read the reservation again, and end it first if its lease is over.
-- id null: there is no reservation, and subscription_id is the one that its user would spend from.
create or replace function creditgate.lock_reservation(request jsonb)
returns creditgate.reservations
language plpgsql volatile
set search_path = ''
as $$
declare
  subscription uuid;
  reservation creditgate.reservations;
begin
  loop
    subscription := creditgate.subscription_for(request);
    if subscription is not null then
      perform creditgate.lock_subscription(subscription);
    end if;
    select r.* into reservation from creditgate.reservations r where r.id = (request ->> 'id')::uuid;
    -- It came to be in another subscription while this waited: wait for that one.
    exit when reservation.subscription_id is null or reservation.subscription_id = subscription;
  end loop;

  if reservation.id is null then
    reservation.subscription_id := subscription;
  elsif creditgate.expire(reservation) then
    select r.* into reservation from creditgate.reservations r where r.id = (request ->> 'id')::uuid;
  end if;
  return reservation;
end
$$;
revoke all on function creditgate.lock_reservation(jsonb) from public, anon, authenticated, service_role;
