-- lock_rows() for many subscriptions at once, waiting for nobody.
-- Raises lock_not_available where another writer holds one of the rows.
create or replace function creditgate.lock_rows_of(type_name text, subscriptions uuid[])
returns table (subscription uuid, id uuid, allotted integer, used integer, resetindays integer, cycle integer, cyclestart timestamptz, met boolean)
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
declare
  locked bigint;
  present bigint;
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      return query
        select c.subscriptionid, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = c.subscriptionid and a.credit_type = {{type}} and a.row_id = c.id and a.kind = 'opening')
        from {{table}} c
        where c.subscriptionid = any (subscriptions)
        order by c.id
        for no key update of c skip locked;
      get diagnostics locked = row_count;
      select count(*) into present from {{table}} c where c.subscriptionid = any (subscriptions);
    -- {{end}}
  end case;
  if locked < present then
    raise exception 'creditgate: another writer holds a row' using errcode = 'lock_not_available';
  end if;
end
$$;
revoke all on function creditgate.lock_rows_of(text, uuid[]) from public, anon, authenticated, service_role;
