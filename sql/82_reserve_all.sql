-- Answers an array of reserves in one pass: one lock, one read and one write for each subscription and row, however many
-- elements draw on it. Answers are JSON by position; null for an element that needs more than that and is answered by itself:
--
-- - several types, an amount that may be less, a session to look up, a dry run; an idempotency key that is known already; a lease
--   of its subscription that is over, or too many that are open;
-- - a group (a subscription and a type) that asks for more than its first row with anything left can give, that has a row
--   the ledger has not met, or one whose cycle is over;
-- - whatever stands behind such an element in its subscription: who asks first is answered first.
--
-- Requests that stand in columns are answered in columns; '' is then the answer of an element that stands there.
--
-- Raises an error, with nothing done, where an element is malformed, two have one id, an id is known already, or a row is in
-- another writer's hands. `busy`: the subscriptions that could not be locked.
--
-- Few small statements over arrays and a plain loop between them, not one large statement: an array of 256 takes half as long
-- that way. Joins are hashed, index look-ups are subqueries: the planner cannot know that an
-- array has 256 places, and not 10.
create or replace function creditgate.reserve_all(requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[], out columns text)
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  in_columns constant boolean := jsonb_typeof(requests) = 'object';
  -- Of each element, by position.
  ids uuid[]; spenders uuid[]; types text[]; needs integer[]; leases integer[]; amounts jsonb[]; keys text[]; fingerprints text[];
  fits boolean[];                            -- null: all do
  group_of integer[];                        -- null: it has none
  refused boolean[];                         -- null: it is answered by itself
  left_after bigint[];
  -- Of each group.
  g record;
  group_types text[]; owners uuid[]; row_ids uuid[]; cycles integer[]; used_figures integer[]; headrooms bigint[]; spendable bigint[];
  unlimited boolean[]; resets timestamptz[]; plain boolean[]; demand bigint[]; resets_in text[]; resets_at text[];
  type_name text;
  now timestamptz;
  at integer;
begin
  select r.ids, r.spenders, r.types, r.needs, r.leases, r.amounts, r.keys, r.fingerprints
  into ids, spenders, types, needs, leases, amounts, keys, fingerprints from creditgate.read_reserves(requests) r;

  subscriptions := creditgate.subscriptions_of_users(spenders);
  busy := creditgate.lock_subscriptions(subscriptions);
  fits := creditgate.fitting(subscriptions, busy, types, keys);

  -- Every row of every type is locked, in one order, before the time is read and anything is decided.
  foreach type_name in array array(select distinct t.name from unnest(types) as t (name) where t.name is not null order by 1) loop
    g := creditgate.lock_groups(type_name, array(
      select distinct e.subscription from unnest(types, subscriptions, fits) as e (credit_type, subscription, fits)
      where e.credit_type = type_name and e.subscription is not null and coalesce(e.fits, true)));
    group_types := group_types || array_fill(type_name, array[coalesce(cardinality(g.subscriptions), 0)]);
    owners := owners || g.subscriptions; row_ids := row_ids || g.row_ids; cycles := cycles || g.cycles; used_figures := used_figures || g.used_figures;
    headrooms := headrooms || g.headrooms; spendable := spendable || g.spendable; unlimited := unlimited || g.unlimited; resets := resets || g.resets; plain := plain || g.plain;
  end loop;
  now := clock_timestamp();

  select array_agg(o.place order by e.n) into group_of
  from unnest(types, subscriptions) with ordinality as e (credit_type, subscription, n)
  left join unnest(group_types, owners) with ordinality as o (credit_type, subscription, place) on o.subscription = e.subscription and o.credit_type = e.credit_type;

  demand := array_fill(0::bigint, array[coalesce(cardinality(owners), 0)]);
  left_after := array_fill(0::bigint, array[cardinality(ids)]);
  refused := array_fill(null::boolean, array[cardinality(ids)]);
  for n in 1 .. cardinality(ids) loop
    continue when types[n] is null or subscriptions[n] is null or not coalesce(fits[n], true);
    at := group_of[n];
    refused[n] := needs[n] > coalesce(spendable[at], 0);
    continue when at is null;
    if not refused[n] then demand[at] := demand[at] + needs[n]; end if;
    left_after[n] := spendable[at] - demand[at];
  end loop;

  select array_agg(o.plain and o.demand <= o.headroom and coalesce(o.resets > now, true)),
         array_agg(coalesce(ceil(extract(epoch from o.resets - now))::bigint::text, 'null')),
         array_agg(coalesce('"' || to_char(o.resets at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"', 'null'))
  into plain, resets_in, resets_at
  from unnest(plain, demand, headrooms, resets) as o (plain, demand, headroom, resets);

  insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at, idempotency_key, fingerprint)
  select ids[e.n], subscriptions[e.n], spenders[e.n], 'open', amounts[e.n],
         case when needs[e.n] = 0 then '{}'::creditgate.allocation[]
              else array[row(types[e.n], row_ids[e.at], cycles[e.at], needs[e.n], needs[e.n])::creditgate.allocation] end,
         now + make_interval(secs => leases[e.n]), now, keys[e.n], fingerprints[e.n]
  from unnest(group_of, refused) with ordinality as e (at, refused, n)
  where not e.refused and coalesce(plain[e.at], true);

  perform creditgate.write_used(o.credit_type, array_agg(o.row_id), array_agg((o.used + o.demand)::integer))
  from unnest(group_types, row_ids, used_figures, demand, plain) as o (credit_type, row_id, used, demand, plain)
  where o.plain and o.demand > 0
  group by o.credit_type;

  if array_position(refused, true) is not null
     and exists (select from unnest(ids, refused) as e (id, refused) where e.refused and (select true from creditgate.reservations r where r.id = e.id)) then
    raise exception 'creditgate: an id is known already' using errcode = 'unique_violation';
  end if;

  -- As text, which is cheaper than building JSON. In columns there is no place for a type of which there is no row.
  select array_agg(case
           when e.refused is null or not plain[e.at] then null
           when e.refused then concat('{"id":"', e.id, '","outcome":"insufficient","creditType":', to_json(types[e.n]), ',"required":', needs[e.n],
                                      ',"available":', e.remaining, ',"resetsAt":', coalesce(resets_at[e.at], 'null'), '}')
           when in_columns and e.at is not null then ''
           else concat('{"id":"', e.id, '","outcome":"reserved","subscription":"', subscriptions[e.n], '","amounts":', amounts[e.n], ',"balances":{',
                       to_json(types[e.n]) || ':{"remaining":' || case when unlimited[e.at] then 'null' else e.remaining::text end
                         || ',"resetsIn":' || resets_in[e.at] || ',"resetsAt":' || resets_at[e.at] || '}', -- null: there is no row of the type
                       '}}')
         end)
  into answers
  from unnest(ids, group_of, refused, left_after) with ordinality as e (id, at, refused, remaining, n);

  if in_columns then
    select concat('"outcome":"reserved","ids":', array_to_json(array_agg(c.id)), ',"subscriptions":', array_to_json(array_agg(c.subscription)),
                  ',"remaining":', array_to_json(array_agg(case when not unlimited[c.at] then c.remaining end)),
                  ',"resetsIn":[', string_agg(coalesce(resets_in[c.at], 'null'), ','), '],"resetsAt":[', string_agg(coalesce(resets_at[c.at], 'null'), ','), ']')
    into columns
    from (
      select case when e.answer = '' then e.id end as id, case when e.answer = '' then e.subscription end as subscription,
             case when e.answer = '' then e.at end as at, e.remaining
      from unnest(answers, ids, subscriptions, group_of, left_after) as e (answer, id, subscription, at, remaining)
    ) c;
  end if;
end
$$;
revoke all on function creditgate.reserve_all(jsonb) from public, anon, authenticated, service_role;
