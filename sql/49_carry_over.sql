-- Keeps a row's figures adding up when a reservation that drew from it is forgotten, and forgets with it what was
-- written down before `made_before` about cycles that are over. The caller holds the subscription's lock.
create or replace function creditgate.carry_over(subscription uuid, allocation creditgate.allocation, made_before timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  present_cycle constant integer := (select c.cycle from creditgate.credit_rows c
                                     where c.credit_type = allocation.credit_type and c.id = allocation.row_id);
begin
  if present_cycle = allocation.cycle and allocation.kept > 0 then
    update creditgate.adjustments a set amount = a.amount + allocation.kept
    where a.subscription_id = subscription and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id
      and a.cycle = allocation.cycle and a.kind = 'pruned';
    if not found then
      insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
      values (subscription, allocation.credit_type, allocation.row_id, allocation.cycle, 'pruned', allocation.kept, clock_timestamp());
    end if;
  end if;

  delete from creditgate.adjustments a
  where a.subscription_id = subscription and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id
    and a.cycle < present_cycle and a.kind <> 'opening' and a.made_at < made_before
    -- What was reversed of a reservation is told by these, for as long as it can be reversed.
    and not exists (select from creditgate.reservations r where r.id = a.reservation_id);
end
$$;
revoke all on function creditgate.carry_over(uuid, creditgate.allocation, timestamptz) from public, anon, authenticated, service_role;
