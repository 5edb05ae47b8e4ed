-- Writes what is used of many rows of one type, whose locks the caller has.
create or replace function creditgate.write_used(type_name text, ids uuid[], figures integer[])
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
      update {{table}} c set used = w.used
      from unnest(ids, figures) as w (id, used)
      where c.id = any (ids) and c.id = w.id;
    -- {{end}}
  end case;
end
$$;
revoke all on function creditgate.write_used(text, uuid[], integer[]) from public, anon, authenticated, service_role;
