-- Answers an array of reserves in one pass: one lock, one read and one write for each subscription and row, however many
-- elements draw on it. Answers are JSON by position; null for an element that needs more than that and is answered by itself:
--
-- - several types, an amount that may be less, a session to look up, a dry run; an idempotency key that is known already; a lease
--   of its subscription that is over, or too many that are open;
-- - a group (a subscription and a type) that asks for more than its first row with anything left can give;
-- - whatever stands behind such an element in its subscription: who asks first is answered first.
--
-- Raises an error, with nothing done, where an element is malformed, two have one id, an id is known already, or a row is in
-- another writer's hands. `busy`: the subscriptions that could not be locked.
--
-- Answers are put together as text, which is cheaper than building JSON. Joins are hashed, index look-ups are
-- subqueries: the planner cannot know that an array has 256 places, and not 10.
create or replace function creditgate.reserve_all(requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  ids uuid[]; spenders uuid[]; types text[]; needs integer[]; leases integer[]; amounts jsonb[]; keys text[]; fingerprints text[];
  fits boolean[];                            -- null: all do
  well_formed boolean;
  written bigint;                            -- asked for so that it is done: what a query does not read, `updated` would not do
  known boolean;
begin
  -- In the order of the array, as nothing here sorts.
  select array_agg(r.id::uuid), array_agg(r."user"::uuid), array_agg(r.credit_type), array_agg((r.amounts -> r.credit_type)::text::integer),
         array_agg(r.lease::text::integer), array_agg(r.amounts),
         array_agg(r.idempotency ->> 'key'), array_agg(r.idempotency ->> 'fingerprint'),
         bool_and(coalesce(r.id::uuid::text = r.id and r."user"::uuid::text = r."user", false)
           and coalesce(r.lease::text::integer between 1 and 900, false)
           and coalesce(r.credit_type is null or ((r.amounts -> r.credit_type)::text::integer >= 0
             and r.credit_type in (select t.name from creditgate.credit_types t)), false)
           and (r.idempotency is null
                or (creditgate.is_key(r.idempotency -> 'key') and creditgate.is_key(r.idempotency -> 'fingerprint'))))
         -- What is null is absent for a record, but malformed for the plain way.
         and not jsonb_path_exists(requests, '$[*] ? (@.idempotency == null)')
  into ids, spenders, types, needs, leases, amounts, keys, fingerprints, well_formed
  from (
    select e.*, case when e.amounts - e.first_type = '{}' then e.first_type end as credit_type
    from (select t.*, (select k.name from jsonb_object_keys(t.amounts) as k (name) limit 1) as first_type
          from jsonb_to_recordset(requests) as t (id text, "user" text, amounts jsonb, lease jsonb, idempotency jsonb) offset 0) e
    offset 0
  ) r;
  if not well_formed or (select count(distinct i.id) from unnest(ids) as i (id)) < cardinality(ids) then
    raise exception 'creditgate: an element is malformed, or two have one id' using errcode = '22023';
  end if;

  if requests @? '$[*] ? (exists (@.least) || exists (@.session) || exists (@.dryRun))' then
    types := array(select case when not e.value ?| array['least', 'session', 'dryRun'] then types[e.n] end
                   from jsonb_array_elements(requests) with ordinality as e (value, n) order by e.n);
  end if;

  subscriptions := creditgate.subscriptions_of_users(spenders);
  busy := creditgate.lock_subscriptions(subscriptions);

  fits := creditgate.fitting(subscriptions, busy, types, keys);

  with asked as materialized (
    select e.*
    from unnest(ids, spenders, types, needs, leases, amounts, keys, fingerprints, subscriptions, fits) with ordinality
           as e (id, spender, credit_type, need, lease, amounts, idempotency_key, fingerprint, subscription, fits, n)
    where coalesce(e.fits, true) and e.subscription is not null
  ), found as materialized (
    select w.credit_type, l.*
    from (select a.credit_type, array_agg(distinct a.subscription) as subscriptions from asked a group by a.credit_type order by 1) w
    cross join lateral creditgate.lock_rows_of(w.credit_type, w.subscriptions) l
  ), clock as materialized (
    select clock_timestamp() as now from (select count(*) from found) once_all_are_locked
  ), rolled as materialized (
    -- roll(), for the few rows whose cycle is over.
    select r.credit_type, r.subscription, r.id, r.allotted, r.met, r.used as used_before, r.cycle as cycle_before, c.now,
           coalesce((x.after).used, r.used) as used, coalesce((x.after).cycle, r.cycle) as cycle, coalesce((x.after).cyclestart, r.cyclestart) as cyclestart,
           case when r.resetindays > 0 and isfinite(r.cyclestart)
                then coalesce((x.after).cyclestart, r.cyclestart) + make_interval(secs => r.resetindays * 86400.0) end as resets
    from found r
    cross join clock c
    cross join lateral (
      select case when r.resetindays > 0 and isfinite(r.cyclestart) and r.cyclestart + make_interval(secs => r.resetindays * 86400.0) <= c.now
                  then creditgate.roll(row(r.credit_type, r.id, r.allotted, r.used, r.resetindays, r.cycle, r.cyclestart, r.met)::creditgate.credit_row, c.now)
             end as after
      offset 0
    ) x
  ), groups as materialized (
    -- The first row with anything left stands for its group. headroom() is written out.
    select g.*,
           coalesce(ceil(extract(epoch from g.group_resets - g.now))::bigint::text, 'null') as resets_in,
           coalesce('"' || to_char(g.group_resets at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"', 'null') as resets_at
    from (
      select h.*, row_number() over spending as place, sum(h.headroom) over whole as spendable,
             bool_or(h.allotted is null) over whole as unlimited, min(h.resets) over whole as group_resets
      from (select r.*, least(greatest(coalesce(r.allotted, 2147483647)::bigint - r.used, 0), 2147483647::bigint - r.used) as headroom from rolled r) h
      window whole as (partition by h.subscription, h.credit_type),
             spending as (partition by h.subscription, h.credit_type order by h.headroom > 0 desc, h.resets nulls last, h.id)
    ) g
    where g.place = 1
  ), judged as materialized (
    select a.*, g.id as row_id, g.cycle, g.cycle_before, g.cyclestart, g.used, g.used_before, g.met, coalesce(g.now, c.now) as now,
           g.resets_in, coalesce(g.resets_at, 'null') as resets_at, g.unlimited, coalesce(g.spendable, 0) as spendable, coalesce(g.headroom, 0) as headroom,
           a.need > coalesce(g.spendable, 0) as refused,
           sum(case when a.need > coalesce(g.spendable, 0) then 0 else a.need end) over in_turn as running,
           sum(case when a.need > coalesce(g.spendable, 0) then 0 else a.need end) over whole as demand,
           row_number() over in_turn as turn
    from asked a
    cross join clock c
    left join groups g on g.subscription = a.subscription and g.credit_type = a.credit_type
    window whole as (partition by a.subscription, a.credit_type), in_turn as (partition by a.subscription, a.credit_type order by a.n)
  ), reserved as (
    insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at, idempotency_key, fingerprint)
    select j.id, j.subscription, j.spender, 'open', j.amounts,
           case when j.need = 0 then '{}'::creditgate.allocation[] else array[row(j.credit_type, j.row_id, j.cycle, j.need, j.need)::creditgate.allocation] end,
           j.now + make_interval(secs => j.lease), j.now, j.idempotency_key, j.fingerprint
    from judged j
    where j.demand <= j.headroom and not j.refused
  ), drawn as materialized (
    select j.* from judged j where j.turn = 1 and j.demand between 1 and j.headroom
  ), recorded as (
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    select d.subscription, d.credit_type, d.row_id, d.cycle_before, k.kind, k.amount, d.now
    from drawn d
    cross join lateral (values ('opening', d.used_before, not d.met), ('reset', -d.used_before, d.cycle <> d.cycle_before)) as k (kind, amount, holds)
    where k.holds
  ), updated as materialized (
    select creditgate.write_rows(d.credit_type, array_agg(d.row_id), array_agg((d.used + d.demand)::integer), array_agg(d.cycle), array_agg(d.cyclestart)) as done
    from drawn d
    group by d.credit_type
  )
  select array_agg(case
           when j.n is null or j.demand > j.headroom then null
           when j.refused then '{"id":"' || j.id || '","outcome":"insufficient","creditType":' || to_json(j.credit_type) || ',"required":' || j.need
             || ',"available":' || (j.spendable - j.running) || ',"resetsAt":' || j.resets_at || '}'
           else '{"id":"' || j.id || '","outcome":"reserved","subscription":"' || j.subscription || '","amounts":' || j.amounts || ',"balances":{'
             || coalesce(to_json(j.credit_type) || ':{"remaining":' || case when j.unlimited then 'null' else (j.spendable - j.running)::text end
                         || ',"resetsIn":' || j.resets_in || ',"resetsAt":' || j.resets_at || '}', '')
             || '}}'
         end order by p.n),
         (select count(u.done) from updated u),
         bool_or(j.refused and (select true from creditgate.reservations r where r.id = j.id))
  into answers, written, known
  from generate_series(1, cardinality(ids)) as p (n)
  left join judged j on j.n = p.n;
  if known or written < 0 then raise exception 'creditgate: an id is known already' using errcode = 'unique_violation'; end if;
end
$$;
revoke all on function creditgate.reserve_all(jsonb) from public, anon, authenticated, service_role;
