-- Answers an array of commits or of refunds in few passes. Answers are JSON by position; null for an element that needs more
-- than that (one that has ended, whose lease is over, that keeps a part of several allocations, exceeds what is reserved or keeps
-- its response) and is answered by itself.
-- Raises an error, with nothing done, where an element is malformed or unknown, or a row is in another writer's hands.
-- `busy`: the subscriptions that could not be locked.
create or replace function creditgate.settle_all(operation text, requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  ids uuid[]; spenders uuid[]; amounts jsonb[]; held uuid[];
  well_formed boolean;
  settled bigint[]; settled_answers text[];  -- by position
begin
  select array_agg(r.id), array_agg(r.spender), array_agg(r.amounts),
         bool_and(coalesce(r.id::text = r.given_id, false) and (r.given_user is null or r.spender::text = r.given_user))
         -- What is null is absent for a record, but malformed for the plain way.
         and not jsonb_path_exists(requests, '$[*] ? (@.user == null)')
  into ids, spenders, amounts, well_formed
  from (
    select e.id as given_id, e.id::uuid, e."user" as given_user, e."user"::uuid as spender, nullif(e.amounts, 'null') as amounts
    from jsonb_to_recordset(requests) as e (id text, "user" text, amounts jsonb) offset 0
  ) r;
  subscriptions := array(select (select r.subscription_id from creditgate.reservations r where r.id = e.id)
                         from unnest(ids) with ordinality as e (id, n) order by e.n);
  if not well_formed or array_position(subscriptions, null) is not null then
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
            from rows from (unnest(ids), unnest(held), jsonb_array_elements(requests)) with ordinality as a (id, held, value, n)) e
      order by e.n);
  end if;

  if operation = 'commit' then
    select c.positions, c.answers into settled, settled_answers from creditgate.commit_all(ids, spenders, amounts, held) c;
  end if;
  if coalesce(cardinality(settled), 0) < cardinality(ids) then
    select settled || g.positions, settled_answers || g.answers into settled, settled_answers
    from creditgate.give_back_rest(operation, ids, spenders, amounts, held, coalesce(settled, '{}')) g;
  end if;
  -- From a position to the answer for it.
  answers := array_fill(null::text, array[cardinality(ids)]);
  for place in 1 .. coalesce(cardinality(settled), 0) loop
    answers[settled[place]] := settled_answers[place];
  end loop;
end
$$;
revoke all on function creditgate.settle_all(text, jsonb) from public, anon, authenticated, service_role;
