-- What became of a subscription's credits, newest first:
--   [{"at": "2026-01-31T00:00:00+00:00", "what": "committed", "amounts": {"ai": 8}, "id": "<reservation>", "user": "<uuid>"}]
-- An ended reservation stands at its end, an open one at its beginning; adjustments with what they added to `used`.
-- No index leads to the ended reservations of one subscription, for every call would pay for it: they are read backwards by
-- their end until there are enough, or all of them. Which of the two is quicker is planned anew for each subscription.
create or replace function creditgate.history(subscription uuid, most integer)
returns jsonb
language plpgsql stable
set search_path = ''
set plan_cache_mode = 'force_custom_plan'
as $$
begin
  return coalesce((
    select jsonb_agg(to_jsonb(newest) order by newest.at desc, newest.what = 'opening', newest.id)
    from (
      select entries.* from (
        (select r.ended_at as at, r.state as what,
                case when r.state = 'committed' then creditgate.kept_amounts(r) else r.amounts end as amounts, r.id, r.user_id as "user"
         from creditgate.reservations r
         where r.subscription_id = subscription and r.state <> 'open' order by r.ended_at desc limit most)
        union all
        (select r.created_at, r.state, r.amounts, r.id, r.user_id
         from creditgate.reservations r
         where r.subscription_id = subscription and r.state = 'open' order by r.created_at desc limit most)
        union all
        (select a.made_at, a.kind, jsonb_build_object(a.credit_type, sum(a.amount)), coalesce(a.reservation_id, a.row_id), null
         from creditgate.adjustments a
         where a.subscription_id = subscription
         group by a.made_at, a.kind, a.credit_type, coalesce(a.reservation_id, a.row_id) order by a.made_at desc limit most)
      ) entries
      order by entries.at desc, entries.what = 'opening', entries.id limit most
    ) newest), '[]');
end
$$;
revoke all on function creditgate.history(uuid, integer) from public, anon, authenticated, service_role;
