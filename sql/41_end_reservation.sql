-- Ends an open reservation: keeps `keep` ({"ai": 1}) of what it holds and gives the rest back to the very rows it was
-- drawn from, the row drawn last first. The caller holds the subscription's lock and has checked every amount.
create or replace function creditgate.end_reservation(reservation creditgate.reservations, end_state text, keep jsonb, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  left_to_keep jsonb := keep;
  allocation creditgate.allocation;
  settled creditgate.allocation[] := array[]::creditgate.allocation[];
begin
  if keep = reservation.amounts then
    -- All of it is kept, as nearly always: what is held is what is kept already, and no credit row is touched.
    update creditgate.reservations set state = end_state, ended_at = at_time where id = reservation.id;
    return;
  end if;

  foreach allocation in array reservation.allocations loop
    allocation.kept := least(allocation.held, coalesce((left_to_keep ->> allocation.credit_type)::integer, 0));
    left_to_keep := left_to_keep || jsonb_build_object(
      allocation.credit_type, coalesce((left_to_keep ->> allocation.credit_type)::integer, 0) - allocation.kept);
    if allocation.kept < allocation.held then
      perform creditgate.give_back(allocation.credit_type, allocation.row_id, allocation.cycle, allocation.held - allocation.kept);
    end if;
    settled := settled || allocation;
  end loop;

  update creditgate.reservations
  set state = end_state, allocations = settled, ended_at = at_time
  where id = reservation.id;
end
$$;
revoke all on function creditgate.end_reservation(creditgate.reservations, text, jsonb, timestamptz) from public, anon, authenticated, service_role;
