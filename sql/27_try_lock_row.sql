-- Locks one credit row unless someone else holds it, without waiting. Returns whether nobody else does: a row that is
-- gone, or of a type that is no longer configured, is in nobody's hands.
create or replace function creditgate.try_lock_row(type_name text, credit_row uuid, out free boolean, out credit creditgate.credit_row)
language plpgsql volatile
set search_path = ''
as $$
begin
  free := true;
  case type_name
    -- {{each type}}
    when {{type}} then
      select {{type}}::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
             exists (select from creditgate.adjustments a
                     where a.subscription_id = c.subscriptionid and a.credit_type = {{type}} and a.row_id = c.id and a.kind = 'opening')
      into credit
      from {{table}} c where c.id = credit_row
      for no key update of c skip locked;
      free := found or not exists (select from {{table}} c where c.id = credit_row);
    -- {{end}}
    else null;
  end case;
end
$$;
revoke all on function creditgate.try_lock_row(text, uuid) from public, anon, authenticated, service_role;
