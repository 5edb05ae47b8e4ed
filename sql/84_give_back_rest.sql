-- Ends refunds of an array, and commits that keep a part of one allocation, in one pass; leaves out the `settled` positions.
-- Returns which they are, by position, and what commits keep. The caller has locked `held`, each element's subscription;
-- null: it has not. Raises lock_not_available where another writer holds a row.
create or replace function creditgate.give_back_rest(operation text, ids uuid[], spenders uuid[], amounts jsonb[], held uuid[], settled bigint[],
                                                     out positions bigint[], out kept jsonb[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
declare
  now constant timestamptz := clock_timestamp();
  asked uuid[];
  found_reservations creditgate.reservations[];
  ending uuid[]; keeps integer[];            -- of each allocation
  back_types text[]; back_rows uuid[]; back_cycles integer[]; back_amounts bigint[];
  type_name text;
begin
  asked := array(select a.id from unnest(ids) with ordinality as a (id, n) left join unnest(settled) as s (n) on s.n = a.n where s.n is null);
  select array_agg(r) into found_reservations from creditgate.reservations r where r.id = any (asked);

  select array_agg(d.n), array_agg(d.id), array_agg(d.keep), array_agg(d.amounts) into positions, ending, keeps, kept
  from (
    select p.n, p.id, p.amounts,
           case when operation = 'refund' then 0 else (p.amounts ->> p.credit_type)::integer end as keep
    from (
      select a.n, r.id, r.allocations, r.amounts as reserved, (r.allocations[1]).credit_type, row_number() over (partition by a.id order by a.n) as occurrence,
             case when jsonb_typeof(a.amounts) = 'number' then jsonb_build_object(coalesce((r.allocations[1]).credit_type, ''), a.amounts) else a.amounts end as amounts
      from unnest(ids, spenders, amounts, held) with ordinality as a (id, spender, amounts, held, n)
      join unnest(found_reservations) r on r.id = a.id and r.subscription_id = a.held
      where r.state = 'open' and r.lease_until > now and (a.spender is null or r.user_id = a.spender)
    ) p
    where p.occurrence = 1
      and (operation = 'refund'
           or (cardinality(p.allocations) = 1 and p.amounts - p.credit_type = '{}' and p.reserved = jsonb_build_object(p.credit_type, (p.allocations[1]).held)
               and (p.amounts -> p.credit_type)::text::integer between 0 and (p.allocations[1]).held))
  ) d;

  select array_agg(b.credit_type), array_agg(b.row_id), array_agg(b.cycle), array_agg(b.amount)
  into back_types, back_rows, back_cycles, back_amounts
  from (select a.credit_type, a.row_id, a.cycle, (a.held - least(a.held, e.keep))::bigint as amount
        from unnest(ending, keeps) as e (id, keep)
        join unnest(found_reservations) r on r.id = e.id
        cross join lateral unnest(r.allocations) a) b
  where b.amount > 0;
  for type_name in select distinct t.name from unnest(back_types) as t (name) order by 1 loop
    if not creditgate.give_back_all(type_name, array_agg(b.row_id), array_agg(b.cycle), array_agg(b.amount))
       from unnest(back_types, back_rows, back_cycles, back_amounts) as b (credit_type, row_id, cycle, amount) where b.credit_type = type_name
    then
      raise exception 'creditgate: another writer holds a row' using errcode = 'lock_not_available';
    end if;
  end loop;
  perform creditgate.end_all(ending, keeps, case operation when 'commit' then 'committed' else 'refunded' end, now);
end
$$;
revoke all on function creditgate.give_back_rest(text, uuid[], uuid[], jsonb[], uuid[], bigint[]) from public, anon, authenticated, service_role;
