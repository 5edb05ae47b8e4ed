-- Keeps what a call used and gives the rest back: {"id", "user"?, "amounts"?: {"ai": 1}}, or a plain
-- number where a single type was reserved. No amounts: everything.
create or replace function creditgate.commit(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  amounts jsonb := nullif(request -> 'amounts', 'null');
  held record;
  reservation creditgate.reservations;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;

  held := creditgate.hold(request);
  reservation := held.reservation;

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state in ('refunded', 'expired') then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  amounts := coalesce(creditgate.named_amounts(amounts, reservation), reservation.amounts);
  if amounts = reservation.amounts then
    null; -- Everything, which needs no check.
  elsif not creditgate.is_amounts(amounts) then
    return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(amounts) k where not reservation.amounts ? k)
     or exists (select from jsonb_object_keys(reservation.amounts) k where not amounts ? k) then
    return creditgate.invalid(request, 'amounts must name the credit types that were reserved, each of them');
  end if;

  if reservation.state = 'committed' then
    if amounts <> creditgate.kept_amounts(reservation) then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'committed',
        'amounts', creditgate.kept_amounts(reservation));
    end if;
  elsif amounts <> reservation.amounts and exists (select from jsonb_each(amounts) a where a.value > reservation.amounts -> a.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reservation.amounts);
  else
    perform creditgate.end_reservation(reservation, 'committed', amounts, clock_timestamp());
  end if;
  return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', amounts);
end
$$;
revoke all on function creditgate.commit(jsonb) from public, anon, authenticated, service_role;
