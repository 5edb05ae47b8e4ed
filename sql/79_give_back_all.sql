-- give_back() for many rows of one type, waiting for nobody. Returns false, with nothing given back, when another writer
-- holds one of them.
create or replace function creditgate.give_back_all(type_name text, row_ids uuid[], cycles integer[], amounts bigint[])
returns boolean
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      if (select count(*) from {{table}} c where c.id = any (row_ids))
         > (select count(*) from (select c.id from {{table}} c where c.id = any (row_ids) order by c.id for no key update skip locked) l) then
        return false;
      end if;
      update {{table}} c set used = greatest(coalesce(c.used, 0) - b.amount, 0)
      from (select g.id, g.cycle, sum(g.amount) as amount from unnest(row_ids, cycles, amounts) as g (id, cycle, amount) group by g.id, g.cycle) b
      where c.id = any (row_ids) and c.id = b.id and c.cycle = b.cycle;
    -- {{end}}
    else null; -- a type that is no longer configured: its table is not ours to touch any more
  end case;
  return true;
end
$$;
revoke all on function creditgate.give_back_all(text, uuid[], integer[], bigint[]) from public, anon, authenticated, service_role;
