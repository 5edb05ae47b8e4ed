-- Answers an array of commits or of refunds in few passes. Answers are JSON by position; null for an element that needs more
-- than that (one that has ended, whose lease is over, that keeps a part of several allocations, exceeds what is reserved or keeps
-- its response) and is answered by itself.
-- Requests that stand in columns are answered in columns; '' is then the answer of an element that stands there.
-- Raises an error, with nothing done, where an element is malformed or unknown, or a row is in another writer's hands.
-- `busy`: the subscriptions that could not be locked.
create or replace function creditgate.settle_all(operation text, requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[], out columns text)
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  in_columns constant boolean := jsonb_typeof(requests) = 'object';
  ids uuid[]; spenders uuid[]; amounts jsonb[]; held uuid[];
  well_formed boolean;
  settled bigint[]; keeps jsonb[];           -- the positions of those that are settled, and what each keeps
begin
  if in_columns then
    select c.ids, c.users, array(select jsonb_build_object(e.credit_type, e.amount) from unnest(c."creditTypes", c.amounts) as e (credit_type, amount)),
           -- As they came: a UUID may be written in other ways, and a number as a string.
           to_jsonb(c.ids) = requests -> 'ids' and to_jsonb(c.users) = requests -> 'users' and cardinality(c.users) = cardinality(c.ids)
             and array_position(c.ids, null) is null and array_position(c.users, null) is null
             and (operation = 'refund'
                  or (to_jsonb(c.amounts) = requests -> 'amounts' and array_position(c."creditTypes", null) is null and array_position(c.amounts, null) is null
                      and cardinality(c."creditTypes") = cardinality(c.ids) and cardinality(c.amounts) = cardinality(c.ids)))
    into ids, spenders, amounts, well_formed
    from jsonb_to_record(requests) as c (ids uuid[], users uuid[], "creditTypes" text[], amounts integer[]);
  else
    select array_agg(r.id), array_agg(r.spender), array_agg(r.amounts),
           bool_and(coalesce(r.id::text = r.given_id, false) and (r.given_user is null or r.spender::text = r.given_user))
           -- What is null is absent for a record, but malformed for the plain way.
           and not jsonb_path_exists(requests, '$[*] ? (@.user == null)')
    into ids, spenders, amounts, well_formed
    from (
      select e.id as given_id, e.id::uuid, e."user" as given_user, e."user"::uuid as spender, nullif(e.amounts, 'null') as amounts
      from jsonb_to_recordset(requests) as e (id text, "user" text, amounts jsonb) offset 0
    ) r;
  end if;
  subscriptions := array(select (select r.subscription_id from creditgate.reservations r where r.id = e.id)
                         from unnest(ids) with ordinality as e (id, n) order by e.n);
  if well_formed is distinct from true or array_position(subscriptions, null) is not null then
    raise exception 'creditgate: an element is malformed or unknown' using errcode = '22023';
  end if;

  busy := creditgate.lock_subscriptions(subscriptions);
  held := subscriptions;
  if cardinality(busy) > 0 then
    held := array(select case when s.id <> all (busy) then s.id end from unnest(subscriptions) with ordinality as s (id, n) order by s.n);
  end if;

  if requests @? '$[*] ? (exists (@.more) || exists (@.response))' or (select count(distinct i.id) from unnest(ids) as i (id)) < cardinality(ids) then
    -- Where one of a subscription may draw, or two are about one reservation, the order of the array decides: none of them is taken ahead.
    held := array(
      select case when not (e.value ? 'response') and not bool_or(e.value ? 'more' or e.again) over (partition by e.held) then e.held end
      from (select a.*, count(*) over (partition by a.id) > 1 as again
            from rows from (unnest(ids), unnest(held), jsonb_array_elements(case when in_columns then creditgate.elements(requests) else requests end)) with ordinality as a (id, held, value, n)) e
      order by e.n);
  end if;

  if operation = 'commit' then
    select c.positions, c.kept into settled, keeps from creditgate.commit_all(ids, spenders, amounts, held) c;
  end if;
  if coalesce(cardinality(settled), 0) < cardinality(ids) then
    select settled || g.positions, keeps || g.kept into settled, keeps
    from creditgate.give_back_rest(operation, ids, spenders, amounts, held, coalesce(settled, '{}')) g;
  end if;
  -- From a position to the answer for it.
  answers := array_fill(null::text, array[cardinality(ids)]);
  for place in 1 .. coalesce(cardinality(settled), 0) loop
    answers[settled[place]] := case
      when in_columns then ''
      when operation = 'refund' then concat('{"id":"', ids[settled[place]], '","outcome":"refunded"}')
      else concat('{"id":"', ids[settled[place]], '","outcome":"committed","amounts":', keeps[place], '}')
    end;
  end loop;
  if in_columns then
    columns := concat('"outcome":"', case operation when 'commit' then 'committed' else 'refunded' end, '","ids":', array_to_json(
      array(select case when a.answer = '' then a.id end from unnest(ids, answers) with ordinality as a (id, answer, n) order by a.n)));
  end if;
end
$$;
revoke all on function creditgate.settle_all(text, jsonb) from public, anon, authenticated, service_role;
