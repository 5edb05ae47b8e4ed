-- What lock_reservation() was until version 4, and returned otherwise. Only calls that a migration to version 5 finds under
-- way still ask for it: they wait for the migration with the functions of before it, and must not fail for its sake.
create or replace function creditgate.hold(request jsonb, out subscription uuid, out reservation creditgate.reservations)
language sql volatile
set search_path = ''
as $$
  select held.subscription_id, held from creditgate.lock_reservation(request) held
$$;
revoke all on function creditgate.hold(jsonb) from public, anon, authenticated, service_role;
