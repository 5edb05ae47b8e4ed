-- The subscription a request is about: that of its reservation once there is one, else the one its user spends from.
create or replace function creditgate.subscription_for(request jsonb)
returns uuid
language plpgsql volatile
set search_path = ''
as $$
begin
  return coalesce(
    (select r.subscription_id from creditgate.reservations r where r.id = (request ->> 'id')::uuid),
    case when request ? 'user' then creditgate.subscription_of((request ->> 'user')::uuid) end);
end
$$;
revoke all on function creditgate.subscription_for(jsonb) from public, anon, authenticated, service_role;
