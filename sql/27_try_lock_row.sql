-- Locks one credit row unless someone else holds it, without waiting, and returns it as it is once locked. id null: someone
-- else holds it. A row that is gone, or of a type that is no longer configured, is in nobody's hands: of it there is the id alone.
create or replace function creditgate.try_lock_row(type_name text, credit_row uuid)
returns creditgate.credit_row
language plpgsql volatile
set search_path = ''
as $$
declare
  credit creditgate.credit_row;
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      select {{type}}::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
             exists (select from creditgate.adjustments a
                     where a.subscription_id = c.subscriptionid and a.credit_type = {{type}} and a.row_id = c.id and a.kind = 'opening')
      into credit
      from {{table}} c where c.id = credit_row
      for no key update of c skip locked;
      if not found and not exists (select from {{table}} c where c.id = credit_row) then credit.id := credit_row; end if;
    -- {{end}}
    else credit.id := credit_row;
  end case;
  return credit;
end
$$;
revoke all on function creditgate.try_lock_row(text, uuid) from public, anon, authenticated, service_role;
