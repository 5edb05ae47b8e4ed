-- Gives credits back after a commit: {"id", "key", "user"?, "amounts"?: {"ai": 1}}, or a plain number where a single type
-- was reserved. No amounts: all that is not reversed yet. An act of its own: what was committed stays committed, and a
-- row that has begun a new cycle since gets nothing.
create or replace function creditgate.reverse(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  asked jsonb := nullif(request -> 'amounts', 'null');
  reservation creditgate.reservations;
  done creditgate.acts;
  reversible jsonb;
  left_to_reverse jsonb;
  returned jsonb;
  allocation creditgate.allocation;
  amount integer;
  answer jsonb;
  now timestamptz;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_key(request -> 'key') then return creditgate.invalid(request, 'key must be a string of 1 to 200 characters'); end if;

  reservation := creditgate.lock_reservation(request);

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'open' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'open');
  elsif reservation.state <> 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  asked := creditgate.named_amounts(asked, reservation);
  if asked is not null and not creditgate.is_amounts(asked) then
    return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(asked) k where not reservation.amounts ? k) then
    return creditgate.invalid(request, 'amounts names a credit type that was not reserved');
  end if;

  select a.* into done from creditgate.acts a
  where a.subscription_id = reservation.subscription_id and a.kind = 'reversal'
    and a.subject = reservation.id::text and a.key = request ->> 'key';
  if found then
    if done.asked is distinct from asked then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'committed', 'amounts', done.answer -> 'amounts');
    end if;
    return done.answer;
  end if;

  select jsonb_object_agg(k.credit_type, (creditgate.kept_amounts(reservation) ->> k.credit_type)::bigint
           + coalesce((select sum(a.amount) from creditgate.adjustments a
                       where a.reservation_id = reservation.id and a.kind = 'reversal' and a.credit_type = k.credit_type), 0))
  into reversible
  from jsonb_object_keys(reservation.amounts) as k (credit_type);
  if exists (select from jsonb_each(asked) a where a.value > reversible -> a.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reversible);
  end if;

  left_to_reverse := coalesce(asked, reversible);
  select jsonb_object_agg(k, 0) into returned from jsonb_object_keys(left_to_reverse) k;
  now := clock_timestamp();
  for position in reverse cardinality(reservation.allocations) .. 1 loop
    allocation := reservation.allocations[position];
    -- A type that is not asked for has nothing to reverse: least() passes over null.
    amount := least(
      coalesce((left_to_reverse ->> allocation.credit_type)::bigint, 0),
      allocation.kept + coalesce((select sum(a.amount) from creditgate.adjustments a
                                  where a.reservation_id = reservation.id and a.kind = 'reversal'
                                    and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id and a.cycle = allocation.cycle), 0));
    continue when amount = 0;
    left_to_reverse := left_to_reverse || jsonb_build_object(
      allocation.credit_type, (left_to_reverse ->> allocation.credit_type)::bigint - amount);
    if creditgate.give_back(allocation.credit_type, allocation.row_id, allocation.cycle, amount) then
      returned := returned || jsonb_build_object(allocation.credit_type, (returned ->> allocation.credit_type)::bigint + amount);
    end if;
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at, reservation_id)
    values (reservation.subscription_id, allocation.credit_type, allocation.row_id, allocation.cycle, 'reversal', -amount, now, reservation.id);
  end loop;

  answer := jsonb_build_object('id', reservation.id, 'outcome', 'reversed', 'amounts', coalesce(asked, reversible), 'returned', returned);
  insert into creditgate.acts (subscription_id, kind, subject, key, asked, answer, made_at)
  values (reservation.subscription_id, 'reversal', reservation.id::text, request ->> 'key', asked, answer, now);
  return answer;
end
$$;
revoke all on function creditgate.reverse(jsonb) from public, anon, authenticated, service_role;
