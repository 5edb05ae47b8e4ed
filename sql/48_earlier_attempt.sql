-- What stands in the way of a new attempt at an idempotency key, as the answer to it; null: nothing does.
-- The caller holds the subscription's lock and has ended the leases that are over.
create or replace function creditgate.earlier_attempt(request jsonb, subscription uuid)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  earlier creditgate.reservations;
  response jsonb;
begin
  select r.* into earlier from creditgate.reservations r
  where r.subscription_id = subscription and r.idempotency_key = request #>> '{idempotency,key}'
  order by (r.state in ('open', 'committed')) desc, r.created_at desc limit 1;

  if not found then
    return null;
  elsif earlier.fingerprint <> request #>> '{idempotency,fingerprint}' then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'key_reused');
  elsif earlier.state = 'open' then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'in_progress',
      'endsIn', greatest(ceil(extract(epoch from earlier.lease_until - clock_timestamp())), 1)::integer);
  elsif earlier.state = 'committed' then
    select jsonb_build_object('status', s.status, 'headers', s.headers, 'body', replace(encode(s.body, 'base64'), E'\n', '')) into response
    from creditgate.responses s
    where s.reservation_id = earlier.id and s.user_id = (request ->> 'user')::uuid and s.stored_at > clock_timestamp() - interval '24 hours';
    return jsonb_build_object('id', request -> 'id', 'outcome', 'already_charged', 'reservation', earlier.id)
      || case when response is null then '{}' else jsonb_build_object('response', response) end;
  end if;
  return null;
end
$$;
revoke all on function creditgate.earlier_attempt(jsonb, uuid) from public, anon, authenticated, service_role;
