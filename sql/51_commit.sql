-- Keeps what a call used and gives the rest back: {"id", "user"?, "amounts"?: {"ai": 1}}, or a plain
-- number where a single type was reserved. No amounts: everything.
--   "more"?: true        what exceeds the reservation is drawn in addition where there is enough, else not charged: the answer tells
--   "response"?: {...}   kept for a repeated request under the same idempotency key
create or replace function creditgate.commit(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  amounts jsonb := nullif(request -> 'amounts', 'null');
  reservation creditgate.reservations;
  more constant boolean := request -> 'more' = 'true';
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'response' and not creditgate.is_response(request -> 'response') then
    return creditgate.invalid(request, 'response must give a status, headers and a body in base64');
  end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;

  reservation := creditgate.lock_reservation(request);

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

  if more then
    if reservation.state = 'open' then reservation := creditgate.reserve_more(reservation, amounts); end if;
    select jsonb_object_agg(a.key, least(a.value, reservation.amounts -> a.key)) into amounts from jsonb_each(amounts) a;
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
    if request ? 'response' and reservation.idempotency_key is not null then
      insert into creditgate.responses (reservation_id, subscription_id, user_id, status, headers, body, stored_at)
      values (reservation.id, reservation.subscription_id, reservation.user_id, (request #>> '{response,status}')::integer,
              request #> '{response,headers}', decode(request #>> '{response,body}', 'base64'), clock_timestamp())
      on conflict (reservation_id) do nothing;
    end if;
  end if;
  return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', amounts);
end
$$;
revoke all on function creditgate.commit(jsonb) from public, anon, authenticated, service_role;
