-- Ends reservations whose rows have got back what is not kept. `keeps`: at most this much of each allocation.
create or replace function creditgate.end_all(ids uuid[], keeps integer[], end_state text, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
begin
  update creditgate.reservations r
  set state = end_state, ended_at = at_time,
      allocations = array(select row(a.credit_type, a.row_id, a.cycle, a.held, least(a.held, e.keep))::creditgate.allocation
                          from unnest(r.allocations) with ordinality as a (credit_type, row_id, cycle, held, kept, n) order by a.n)
  from unnest(ids, keeps) as e (id, keep)
  where r.id = any (ids) and r.id = e.id;
end
$$;
revoke all on function creditgate.end_all(uuid[], integer[], text, timestamptz) from public, anon, authenticated, service_role;
