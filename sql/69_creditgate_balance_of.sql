-- For people who look after others: what a subscription can spend now, by its own id or by that of its user:
-- {"subscription": "<uuid>", "balances": {...}}. subscription null: the id is neither's.
create or replace function public.creditgate_balance_of(subject uuid)
returns jsonb
language plpgsql stable security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
declare
  subscription constant uuid := creditgate.subscription_named(subject);
begin
  return jsonb_build_object('subscription', subscription, 'balances', creditgate.balance_of(subscription));
end
$$;
revoke all on function public.creditgate_balance_of(uuid) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_balance_of(uuid) to service_role;
