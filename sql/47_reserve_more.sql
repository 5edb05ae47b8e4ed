-- Draws in addition what a commit exceeds its open reservation by, where there is enough of every type; else changes
-- nothing. Returns the reservation as it then is. The caller holds the subscription's lock and has checked the amounts.
create or replace function creditgate.reserve_more(reservation creditgate.reservations, wanted jsonb)
returns creditgate.reservations
language plpgsql volatile
set search_path = ''
as $$
declare
  surplus jsonb;
  rows creditgate.credit_row[];
  now timestamptz;
  d record;
begin
  select jsonb_object_agg(a.key, (a.value::text::bigint - (reservation.amounts ->> a.key)::bigint)) into surplus
  from jsonb_each(wanted) a where a.value > reservation.amounts -> a.key;
  if surplus is null then return reservation; end if;

  select array_agg(l.*::creditgate.credit_row) into rows
  from (select w.credit_type from jsonb_object_keys(surplus) as w (credit_type) order by 1) w,
       creditgate.lock_rows(w.credit_type, reservation.subscription_id) l;
  now := clock_timestamp();
  d := creditgate.draw(surplus, null, rows, now);
  if d.short is not null then return reservation; end if;

  perform creditgate.write_drawn(reservation.subscription_id, d.before, d.after, d.drawn, now);
  update creditgate.reservations r
  set asked_for = coalesce(r.asked_for, r.amounts),
      amounts = (select jsonb_object_agg(m.key, greatest(m.value, wanted -> m.key)) from jsonb_each(r.amounts) m),
      -- One allocation for each row and cycle: a reversal counts what it has given back to it.
      allocations = array(
        select row(a.credit_type, a.row_id, a.cycle, sum(a.held), sum(a.kept))::creditgate.allocation
        from unnest(r.allocations || d.allocations) with ordinality as a (credit_type, row_id, cycle, held, kept, n)
        group by a.credit_type, a.row_id, a.cycle order by min(a.n))
  where r.id = reservation.id
  returning r.* into reservation;
  return reservation;
end
$$;
revoke all on function creditgate.reserve_more(creditgate.reservations, jsonb) from public, anon, authenticated, service_role;
