-- Renews a lease, and writes down what has been delivered so far: {"id", "user"?, "lease": 60, "reported"?: {"ai": 1}, "atLeast"?: true}.
-- The lease is set from now, never added up; atLeast: unless that would shorten it, for a heartbeat that may arrive after
-- the reservation was handed to a job with a longer one. What is reported only grows, and turns the lease's end from a refund
-- into a commit of that amount.
create or replace function creditgate.extend(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  delivered jsonb := nullif(request -> 'reported', 'null');
  reservation creditgate.reservations;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_lease(request -> 'lease') then return creditgate.invalid(request, 'lease must be 1 to 900 whole seconds'); end if;

  reservation := creditgate.lock_reservation(request);

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', creditgate.kept_amounts(reservation));
  elsif reservation.state <> 'open' then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  delivered := creditgate.named_amounts(delivered, reservation);
  if delivered is not null and not creditgate.is_amounts(delivered) then
    return creditgate.invalid(request, 'reported must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(delivered) k where not reservation.amounts ? k) then
    return creditgate.invalid(request, 'reported names a credit type that was not reserved');
  elsif exists (select from jsonb_each(delivered) e where e.value > reservation.amounts -> e.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reservation.amounts);
  end if;

  if delivered is not null then
    select jsonb_object_agg(k, greatest((reservation.reported ->> k)::bigint, (delivered ->> k)::bigint, 0)) into delivered
    from jsonb_object_keys(reservation.amounts) k;
  end if;
  update creditgate.reservations
  set lease_until = greatest(clock_timestamp() + make_interval(secs => (request ->> 'lease')::integer),
                             case when request -> 'atLeast' = 'true' then lease_until end),
      reported = coalesce(delivered, reported)
  where id = reservation.id;
  return jsonb_build_object('id', reservation.id, 'outcome', 'extended', 'reported', coalesce(delivered, reservation.reported));
end
$$;
revoke all on function creditgate.extend(jsonb) from public, anon, authenticated, service_role;
