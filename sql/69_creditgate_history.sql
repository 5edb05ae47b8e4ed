-- For people who look after others: what became of a subscription's credits, by its own id or by that of its user:
-- {"subscription": "<uuid>", "entries": [...]}, newest first and at most 1000. subscription null: the id is neither's.
create or replace function public.creditgate_history(subject uuid, most integer default 20)
returns jsonb
language plpgsql stable security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '10s'
as $$
declare
  subscription constant uuid := creditgate.subscription_named(subject);
begin
  if not coalesce(most between 1 and 1000, false) then
    raise exception 'creditgate: most must be a whole number of 1 to 1000' using errcode = '22023';
  end if;
  return jsonb_build_object('subscription', subscription, 'entries', creditgate.history(subscription, most));
end
$$;
revoke all on function public.creditgate_history(uuid, integer) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_history(uuid, integer) to service_role;
