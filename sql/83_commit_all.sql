-- Ends those commits of an array that keep all they hold, which is nearly every one, with one guarded update. Returns which
-- they are, by position, and what they keep. The caller has locked `held`, each element's subscription; null: it has not.
create or replace function creditgate.commit_all(ids uuid[], spenders uuid[], asked_amounts jsonb[], held uuid[], out positions bigint[], out kept jsonb[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
declare
  now constant timestamptz := clock_timestamp();
  -- Unknown to the plan, which would else read all that is open by the index that holds it.
  open_state constant text := 'open';
begin
  with committed as (
    update creditgate.reservations r set state = 'committed', ended_at = now
    from unnest(ids, spenders, asked_amounts, held) with ordinality as a (id, spender, amounts, held, n)
    where r.id = any (ids) and r.id = a.id and r.subscription_id = a.held and r.state = open_state and r.lease_until > now
      and (a.spender is null or r.user_id = a.spender)
      and (a.amounts is null or a.amounts = r.amounts
           or (jsonb_typeof(a.amounts) = 'number' and r.amounts = jsonb_build_object(coalesce((r.allocations[1]).credit_type, ''), a.amounts)))
    returning a.n, r.amounts
  )
  select array_agg(c.n), array_agg(c.amounts) into positions, kept from committed c;
end
$$;
revoke all on function creditgate.commit_all(uuid[], uuid[], jsonb[], uuid[]) from public, anon, authenticated, service_role;
