-- Answers an array of requests in order. Each element stands alone: what is refused or fails in one of them is undone
-- for that one and changes nothing for the others.
create or replace function creditgate.answer_each(operation text, requests jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  answers jsonb[] := '{}';
  request jsonb;
begin
  if coalesce(jsonb_typeof(requests), '') <> 'array' or jsonb_array_length(requests) not between 1 and 1000 then
    raise exception 'creditgate: requests must be an array of 1 to 1000 requests' using errcode = '22023';
  end if;
  -- Under a snapshot that is older than the lock, what is read after the lock is not what is there.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'creditgate: call this at isolation level read committed, not %', current_setting('transaction_isolation')
      using errcode = '25001';
  end if;

  if jsonb_array_length(requests) = 1 then
    return jsonb_build_array(creditgate.answer(operation, requests -> 0));
  end if;

  -- All subscriptions are locked before any element is answered, in one order for every caller.
  perform creditgate.lock_subscription(s.subscription)
  from (select distinct case
                 when operation = 'reset' and creditgate.is_uuid(r.request -> 'subscription') then (r.request ->> 'subscription')::uuid
                 when creditgate.is_uuid(r.request -> 'id') and (not r.request ? 'user' or creditgate.is_uuid(r.request -> 'user'))
                   then creditgate.subscription_for(r.request)
               end as subscription
        from jsonb_array_elements(requests) as r (request)
        order by 1) s
  where s.subscription is not null;

  for request in select r.value from jsonb_array_elements(requests) with ordinality as r (value, position) order by r.position loop
    begin
      answers := answers || creditgate.answer(operation, request);
    exception when others then
      answers := answers || (creditgate.echo(request) || jsonb_build_object('outcome', 'failed', 'code', sqlstate));
    end;
  end loop;
  return to_jsonb(answers);
end
$$;
revoke all on function creditgate.answer_each(text, jsonb) from public, anon, authenticated, service_role;
