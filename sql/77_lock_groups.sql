-- Locks the credit rows of one type of many subscriptions, waiting for nobody, and says of each subscription how much there
-- is, and of which row one spends first. Raises lock_not_available where another writer holds one of the rows.
--   row_ids, cycles, used_figures, headrooms   of the row that is spent first: rows that reset soonest, of those with anything left
--   spendable, unlimited, resets               of all its rows
--   plain                                      the ledger has met every row of them
create or replace function creditgate.lock_groups(
  type_name text, wanted uuid[], out subscriptions uuid[], out row_ids uuid[], out cycles integer[], out used_figures integer[],
  out headrooms bigint[], out spendable bigint[], out unlimited boolean[], out resets timestamptz[], out plain boolean[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set jit = off
set enable_nestloop = off
as $$
declare
  present bigint;
  last integer := 1;                         -- the group that is being put together
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      -- headroom() and resets_at() are written out.
      select array_agg(r.subscription), array_agg(r.id), array_agg(r.cycle), array_agg(r.used), array_agg(r.headroom), array_agg(r.headroom),
             array_agg(r.allotted is null), array_agg(r.resets), array_agg(r.met)
      into subscriptions, row_ids, cycles, used_figures, headrooms, spendable, unlimited, resets, plain
      from (
        select l.*, m.row_id is not null as met, least(greatest(coalesce(l.allotted, 2147483647)::bigint - l.used, 0), 2147483647::bigint - l.used) as headroom,
               case when l.resetindays > 0 and isfinite(l.cyclestart) then l.cyclestart + make_interval(secs => l.resetindays * 86400.0) end as resets
        from (
          select c.subscriptionid as subscription, c.id, c.allotted, coalesce(c.used, 0) as used, c.resetindays, c.cycle, c.cyclestart
          from {{table}} c
          where c.subscriptionid = any (wanted)
          order by c.id
          for no key update of c skip locked
        ) l
        left join (
          select a.row_id from creditgate.adjustments a
          where a.subscription_id = any (wanted) and a.credit_type = {{type}} and a.kind = 'opening'
        ) m on m.row_id = l.id
        order by l.subscription, l.used < coalesce(l.allotted, 2147483647) desc, resets nulls last, l.id
      ) r;
      select count(*) into present from {{table}} c where c.subscriptionid = any (wanted);
    -- {{end}}
  end case;
  if coalesce(cardinality(row_ids), 0) < present then
    raise exception 'creditgate: another writer holds a row' using errcode = 'lock_not_available';
  end if;

  -- Nearly always each subscription has one row, and nothing is to be put together.
  for place in 2 .. coalesce(cardinality(row_ids), 0) loop
    if subscriptions[place] = subscriptions[last] then
      spendable[last] := spendable[last] + spendable[place];
      unlimited[last] := unlimited[last] or unlimited[place];
      resets[last] := least(resets[last], resets[place]);
      plain[last] := plain[last] and plain[place];
    else
      last := last + 1;
      if last < place then
        subscriptions[last] := subscriptions[place]; row_ids[last] := row_ids[place]; cycles[last] := cycles[place]; used_figures[last] := used_figures[place];
        headrooms[last] := headrooms[place]; spendable[last] := spendable[place]; unlimited[last] := unlimited[place];
        resets[last] := resets[place]; plain[last] := plain[place];
      end if;
    end if;
  end loop;
  if last < cardinality(row_ids) then
    subscriptions := subscriptions[:last]; row_ids := row_ids[:last]; cycles := cycles[:last]; used_figures := used_figures[:last];
    headrooms := headrooms[:last]; spendable := spendable[:last]; unlimited := unlimited[:last]; resets := resets[:last]; plain := plain[:last];
  end if;
end
$$;
revoke all on function creditgate.lock_groups(text, uuid[]) from public, anon, authenticated, service_role;
