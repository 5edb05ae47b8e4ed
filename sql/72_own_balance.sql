-- The balance of the signed-in user, known from the verified claims that the Data API sets for the transaction.
-- The only thing of ours that a user's own token reaches.
create or replace function creditgate.own_balance()
returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  subscription uuid;
begin
  if not creditgate.is_uuid(claims -> 'sub') then
    return '{}'::jsonb;
  end if;
  subscription := creditgate.subscription_of((claims ->> 'sub')::uuid);
  return case when subscription is null then '{}'::jsonb else creditgate.balance_of(subscription) end;
end
$$;
revoke all on function creditgate.own_balance() from public, anon, authenticated, service_role;
grant execute on function creditgate.own_balance() to authenticated;
