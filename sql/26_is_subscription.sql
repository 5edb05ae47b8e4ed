create or replace function creditgate.is_subscription(subscription uuid)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return exists (select from {{subscription_table}} s where s.id = subscription);
end
$$;
revoke all on function creditgate.is_subscription(uuid) from public, anon, authenticated, service_role;
