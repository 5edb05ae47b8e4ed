-- Says how amounts are drawn from locked rows: rows that reset soonest are spent first, rows that never reset last.
-- `minimum`: the types of which less than wanted will do, and how much must be had; null: none. Writes nothing.
--
-- short: the type that there is not enough of, with what is left of it in `available`; null: all can be drawn.
-- before, after, drawn: each row looked at, as it was, as it would be, and whether anything is drawn from it.
create or replace function creditgate.draw(
  wanted jsonb, minimum jsonb, rows creditgate.credit_row[], at_time timestamptz,
  out granted jsonb, out allocations creditgate.allocation[], out short text, out available bigint,
  out before creditgate.credit_row[], out after creditgate.credit_row[], out drawn boolean[])
language plpgsql immutable
set search_path = ''
as $$
declare
  wanted_type text;
  need bigint;
  taken integer;
  credit creditgate.credit_row;
  rolled creditgate.credit_row;
begin
  granted := wanted;
  allocations := array[]::creditgate.allocation[];
  before := array[]::creditgate.credit_row[];
  after := array[]::creditgate.credit_row[];
  drawn := array[]::boolean[];
  for wanted_type, need in select e.key, e.value::text::bigint from jsonb_each(wanted) e order by 1 loop
    for credit in
      select c.* from unnest(rows) c where c.credit_type = wanted_type
      order by creditgate.resets_at(creditgate.roll(c::creditgate.credit_row, at_time)) nulls last, c.id
    loop
      rolled := creditgate.roll(credit, at_time);
      taken := least(need, creditgate.headroom(rolled));
      if taken > 0 then
        need := need - taken;
        rolled.used := rolled.used + taken;
        allocations := allocations || row(wanted_type, rolled.id, rolled.cycle, taken, taken)::creditgate.allocation;
      end if;
      before := before || credit;
      after := after || rolled;
      drawn := drawn || (taken > 0);
    end loop;
    if need > 0 then
      available := (wanted ->> wanted_type)::bigint - need;
      -- No type, or too little of it: the comparison is null or false.
      if coalesce(available < (minimum ->> wanted_type)::bigint, true) then
        short := wanted_type;
        return;
      end if;
      granted := jsonb_set(granted, array[wanted_type], to_jsonb(available));
    end if;
  end loop;
end
$$;
revoke all on function creditgate.draw(jsonb, jsonb, creditgate.credit_row[], timestamptz) from public, anon, authenticated, service_role;
