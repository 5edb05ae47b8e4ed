-- One bounded step of what any operation does for its own subscription: ends leases that are over, closes cycles that are
-- over. {"most"?: 500}. Nothing depends on it; it is for those who read the tables without us. It waits for nobody: what
-- is locked is left for the next time.
create or replace function creditgate.sweep(request jsonb default '{}')
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  most constant integer := coalesce((case when creditgate.is_bound(request -> 'most', 1000) then request ->> 'most' end)::integer, 500);
  candidate record;
  reservation creditgate.reservations;
  credit creditgate.credit_row;
  after creditgate.credit_row;
  expired integer := 0;
  cycles integer := 0;
  forgotten integer;
  bounded boolean := false;
  now timestamptz;
begin
  if not creditgate.is_bound(request -> 'most', 1000) then return creditgate.invalid(request, 'most must be a whole number of 1 to 1000'); end if;

  for candidate in
    select distinct r.subscription_id from creditgate.reservations r
    where r.state = 'open' and r.lease_until <= clock_timestamp() limit most
  loop
    continue when not creditgate.try_lock_subscription(candidate.subscription_id);
    for reservation in
      select r.* from creditgate.reservations r
      where r.subscription_id = candidate.subscription_id and r.state = 'open' and r.lease_until <= clock_timestamp()
      order by r.id limit most - expired
    loop
      continue when exists (select from unnest(reservation.allocations) a
                            where (creditgate.try_lock_row(a.credit_type, a.row_id)).id is null);
      if creditgate.expire(reservation) then expired := expired + 1; end if;
    end loop;
    bounded := expired >= most;
    exit when bounded;
  end loop;

  for candidate in select d.* from creditgate.due_rows d limit most - expired loop
    continue when not creditgate.try_lock_subscription(candidate.subscription_id);
    credit := creditgate.try_lock_row(candidate.credit_type, candidate.id);
    now := clock_timestamp();
    after := creditgate.roll(credit, now);
    continue when after.cycle is not distinct from credit.cycle;
    perform creditgate.record_meeting(credit, after, candidate.subscription_id, now);
    perform creditgate.write_row(after);
    cycles := cycles + 1;
  end loop;

  -- Kept responses that are too old to be sent. What someone else is deleting is left to them.
  with old as (
    select s.reservation_id from creditgate.responses s
    where s.stored_at <= clock_timestamp() - interval '24 hours' order by s.stored_at limit most for update skip locked
  )
  delete from creditgate.responses s using old where s.reservation_id = old.reservation_id;
  get diagnostics forgotten = row_count;

  return jsonb_build_object('outcome', 'swept', 'expired', expired, 'cycles', cycles, 'more', bounded or expired + cycles >= most or forgotten = most);
end
$$;
revoke all on function creditgate.sweep(jsonb) from public, anon, authenticated, service_role;
