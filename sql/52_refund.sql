-- Gives back all that a reservation holds: {"id", "user"?}. An id not seen yet becomes a tombstone, so that a reserve
-- that was given up and arrives later holds nothing.
create or replace function creditgate.refund(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  reservation creditgate.reservations;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;

  loop
    reservation := creditgate.lock_reservation(request);
    exit when reservation.id is not null;
    insert into creditgate.reservations (id, subscription_id, state, amounts, allocations, created_at, ended_at)
    values ((request ->> 'id')::uuid, reservation.subscription_id, 'refunded', '{}', '{}', clock_timestamp(), clock_timestamp())
    on conflict (id) do nothing;
    if found then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'refunded');
    end if;
  end loop;

  if reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', creditgate.kept_amounts(reservation));
  elsif reservation.state = 'open' then
    perform creditgate.end_reservation(reservation, 'refunded', '{}', clock_timestamp());
    return jsonb_build_object('id', reservation.id, 'outcome', 'refunded');
  end if;
  return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
end
$$;
revoke all on function creditgate.refund(jsonb) from public, anon, authenticated, service_role;
