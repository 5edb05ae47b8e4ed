-- The subscription that an id means: its own, or the one that this user spends from. Null: neither.
create or replace function creditgate.subscription_named(subject uuid)
returns uuid
language plpgsql stable
set search_path = ''
as $$
begin
  return case when creditgate.is_subscription(subject) then subject else creditgate.subscription_of(subject) end;
end
$$;
revoke all on function creditgate.subscription_named(uuid) from public, anon, authenticated, service_role;
