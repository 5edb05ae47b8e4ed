-- Locks the credit rows of one type that a subscription has, in the order of their ids, and returns them as they
-- are once locked. This lock holds off other writers (top-ups, an old cron job); ours are held off already.
create or replace function creditgate.lock_rows(type_name text, subscription uuid)
returns setof creditgate.credit_row
language plpgsql volatile
set search_path = ''
as $$
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      return query
        select {{type}}::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = subscription and a.credit_type = {{type}} and a.row_id = c.id and a.kind = 'opening')
        from {{table}} c
        where c.subscriptionid = subscription
        order by c.id
        for no key update of c;
    -- {{end}}
  end case;
end
$$;
revoke all on function creditgate.lock_rows(text, uuid) from public, anon, authenticated, service_role;
