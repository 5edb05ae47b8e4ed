-- write_row() for many rows of one type.
create or replace function creditgate.write_rows(type_name text, ids uuid[], used_figures integer[], cycles integer[], cyclestarts timestamptz[])
returns void
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
      update {{table}} c set used = w.used, cycle = w.cycle, cyclestart = w.cyclestart
      from unnest(ids, used_figures, cycles, cyclestarts) as w (id, used, cycle, cyclestart)
      where c.id = any (ids) and c.id = w.id;
    -- {{end}}
  end case;
end
$$;
revoke all on function creditgate.write_rows(text, uuid[], integer[], integer[], timestamptz[]) from public, anon, authenticated, service_role;
