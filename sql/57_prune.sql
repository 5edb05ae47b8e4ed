-- One bounded step of forgetting: deletes reservations that ended long ago, oldest first. {"olderThanDays"?: 90, "most"?: 500}.
-- What they keep in a row's present cycle is carried over into one adjustment, so that the row's figures go on adding up.
-- After it, their ids, reversal keys and idempotency keys are as if never seen.
create or replace function creditgate.prune(request jsonb default '{}')
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  most constant integer := coalesce((case when creditgate.is_bound(request -> 'most', 1000) then request ->> 'most' end)::integer, 500);
  days constant integer := coalesce((case when creditgate.is_bound(request -> 'olderThanDays', 3650) then request ->> 'olderThanDays' end)::integer, 90);
  ended_before constant timestamptz := clock_timestamp() - make_interval(secs => days * 86400.0);
  reservation creditgate.reservations;
  allocation creditgate.allocation;
  pruned integer := 0;
begin
  if not creditgate.is_bound(request -> 'most', 1000) then return creditgate.invalid(request, 'most must be a whole number of 1 to 1000'); end if;
  if not creditgate.is_bound(request -> 'olderThanDays', 3650) then return creditgate.invalid(request, 'olderThanDays must be a whole number of 1 to 3650'); end if;

  for reservation in
    select r.* from creditgate.reservations r
    where r.state <> 'open' and r.ended_at < ended_before
    order by r.ended_at limit most
  loop
    continue when reservation.subscription_id is not null and not creditgate.try_lock_subscription(reservation.subscription_id);
    -- An ended reservation never changes; another prune may have taken it before the lock was ours.
    delete from creditgate.reservations r where r.id = reservation.id;
    continue when not found;
    delete from creditgate.responses s where s.reservation_id = reservation.id;
    delete from creditgate.acts a
    where a.subscription_id = reservation.subscription_id and a.kind = 'reversal' and a.subject = reservation.id::text;
    foreach allocation in array reservation.allocations loop
      perform creditgate.carry_over(reservation.subscription_id, allocation, ended_before);
    end loop;
    pruned := pruned + 1;
  end loop;
  return jsonb_build_object('outcome', 'pruned', 'pruned', pruned, 'more', pruned = most);
end
$$;
revoke all on function creditgate.prune(jsonb) from public, anon, authenticated, service_role;
