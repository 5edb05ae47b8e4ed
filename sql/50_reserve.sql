-- Holds credits for one call, all or nothing: {"id", "user", "amounts": {"ai": 2}, "lease": 60, "idempotency"?: {"key", "fingerprint"}}.
--   "least"?: {"ai": 1}  what is left will do for that type, but no less
--   "session"?: "<uuid>" only while this session of the user's exists
--   "dryRun"?: true      answers as it would, and holds nothing
create or replace function creditgate.reserve(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  wanted constant jsonb := request -> 'amounts';
  now timestamptz;
  subscription uuid;
  reservation creditgate.reservations;
  rows creditgate.credit_row[];
  after creditgate.credit_row[];
  granted jsonb;
  d record;
  wanted_type text;
  earlier jsonb;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_lease(request -> 'lease') then return creditgate.invalid(request, 'lease must be 1 to 900 whole seconds'); end if;
  if not creditgate.is_amounts(wanted) then return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type'); end if;
  select w.credit_type into wanted_type from jsonb_object_keys(wanted) as w (credit_type)
  where not exists (select from creditgate.credit_types t where t.name = w.credit_type) limit 1;
  if found then return creditgate.invalid(request, format('there is no credit type "%s"', wanted_type)); end if;
  if request ? 'idempotency' and not (creditgate.is_key(request #> '{idempotency,key}') and creditgate.is_key(request #> '{idempotency,fingerprint}')) then
    return creditgate.invalid(request, 'idempotency must give a key and a fingerprint of 1 to 200 characters');
  end if;
  if request ? 'least' and not creditgate.is_amounts(request -> 'least') then
    return creditgate.invalid(request, 'least must give a whole number of 0 to 2147483647 for each credit type');
  end if;
  if request ? 'session' then
    if not creditgate.is_uuid(request -> 'session') then return creditgate.invalid(request, 'session must be a UUID'); end if;
    if not creditgate.session_stands((request ->> 'user')::uuid, (request ->> 'session')::uuid) then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'session_over');
    end if;
  end if;

  reservation := creditgate.lock_reservation(request);
  subscription := reservation.subscription_id;

  if reservation.id is not null then
    -- A tombstone has no user: whatever the request was, it was given up before it arrived.
    if reservation.user_id is not null
       and (reservation.user_id <> (request ->> 'user')::uuid or coalesce(reservation.asked_for, reservation.amounts) <> wanted) then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', reservation.state);
    end if;
    if reservation.state <> 'open' then
      return jsonb_build_object('id', reservation.id, 'outcome', reservation.state)
        || case when reservation.state = 'committed' then jsonb_build_object('amounts', creditgate.kept_amounts(reservation)) else '{}' end;
    end if;
  elsif subscription is null then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'no_subscription');
  else
    if exists (select from creditgate.reservations r
               where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= clock_timestamp()) then
      perform creditgate.expire_leases(subscription);
    end if;
    if exists (select from creditgate.reservations r
               where r.subscription_id = subscription and r.state = 'open' offset {{max_open}} - 1) then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'too_many_open', 'most', {{max_open}});
    end if;
    if request ? 'idempotency' then
      earlier := creditgate.earlier_attempt(request, subscription);
      if earlier is not null then return earlier; end if;
    end if;
  end if;

  -- Every row of every type is locked, in one order, before the time is read and anything is decided.
  select array_agg(l.*::creditgate.credit_row) into rows
  from (select w.credit_type from jsonb_object_keys(wanted) as w (credit_type) order by 1) w,
       creditgate.lock_rows(w.credit_type, subscription) l;
  now := clock_timestamp();

  if reservation.id is null then
    d := creditgate.draw(wanted, request -> 'least', rows, now);
    after := d.after;
    granted := d.granted;
    if d.short is not null then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'insufficient', 'creditType', d.short,
        'required', coalesce(request -> 'least' -> d.short, wanted -> d.short), 'available', d.available,
        'resetsAt', creditgate.balances(after, now) -> d.short -> 'resetsAt');
    elsif request -> 'dryRun' = 'true' then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'reserved', 'subscription', subscription,
        'amounts', granted, 'balances', creditgate.balances(after, now));
    end if;

    insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at,
                                         idempotency_key, fingerprint, asked_for)
    values ((request ->> 'id')::uuid, subscription, (request ->> 'user')::uuid, 'open', granted, d.allocations,
            now + make_interval(secs => (request ->> 'lease')::integer), now,
            request #>> '{idempotency,key}', request #>> '{idempotency,fingerprint}', case when granted <> wanted then wanted end)
    on conflict (id) do nothing;
    -- The id came to be meanwhile where our lock does not reach: a tombstone without a subscription, or another user's.
    -- Nothing has been drawn yet; asked again, it is there to be read.
    if not found then return creditgate.reserve(request); end if;

    perform creditgate.write_drawn(subscription, d.before, after, d.drawn, now);
  else
    granted := reservation.amounts;
    select array_agg(creditgate.roll(c::creditgate.credit_row, now)) into after from unnest(rows) c;
  end if;

  return jsonb_build_object('id', request -> 'id', 'outcome', 'reserved', 'subscription', subscription,
    'amounts', granted, 'balances', creditgate.balances(after, now));
end
$$;
revoke all on function creditgate.reserve(jsonb) from public, anon, authenticated, service_role;
