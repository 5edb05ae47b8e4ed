-- How every operation begins: lock the subscription, read the reservation again, and end it first if its lease is over.
-- reservation.id null: there is none.
create or replace function creditgate.hold(request jsonb, out subscription uuid, out reservation creditgate.reservations)
language plpgsql volatile
set search_path = ''
as $$
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

  if reservation.id is not null and creditgate.expire(reservation) then
    select r.* into reservation from creditgate.reservations r where r.id = (request ->> 'id')::uuid;
  end if;
end
$$;
revoke all on function creditgate.hold(jsonb) from public, anon, authenticated, service_role;
