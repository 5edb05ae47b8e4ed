-- What a subscription can spend now, by credit type, as a reserve would see it: cycles that are over count as closed,
-- and leases that are over as ended. Reads only.
create or replace function creditgate.balance_of(subscription uuid)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  now constant timestamptz := clock_timestamp();
begin
  return creditgate.balances((
    select array_agg(creditgate.roll(
      row(c.credit_type, c.id, c.allotted,
          case when c.used < ending.amount then 0 else c.used - ending.amount end,
          c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row, now))
    from creditgate.credit_rows c
    cross join lateral (
      select coalesce(sum(a.held), 0)::integer as amount
      from creditgate.reservations r, unnest(r.allocations) a
      where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= now and r.reported is null
        and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle) ending
    where c.subscription_id = subscription), now);
end
$$;
revoke all on function creditgate.balance_of(uuid) from public, anon, authenticated, service_role;
