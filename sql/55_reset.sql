-- Begins a new cycle for a subscription's credits of one type, once for a key: {"subscription", "creditType", "key"}. For a
-- billing webhook, which may be delivered twice. Rows that never reset (top-ups) are left alone.
create or replace function creditgate.reset(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  asked_type constant text := request ->> 'creditType';
  subscription uuid;
  answer jsonb;
  rows creditgate.credit_row[];
  credit creditgate.credit_row;
  after creditgate.credit_row;
  now timestamptz;
  count integer := 0;
begin
  if not creditgate.is_uuid(request -> 'subscription') then return creditgate.invalid(request, 'subscription must be a UUID'); end if;
  if not creditgate.is_key(request -> 'key') then return creditgate.invalid(request, 'key must be a string of 1 to 200 characters'); end if;
  if not exists (select from creditgate.credit_types t where t.name = asked_type) then
    return creditgate.invalid(request, format('there is no credit type "%s"', asked_type));
  end if;

  subscription := (request ->> 'subscription')::uuid;
  perform creditgate.lock_subscription(subscription);
  select a.answer into answer from creditgate.acts a
  where a.subscription_id = subscription and a.kind = 'reset' and a.subject = asked_type and a.key = request ->> 'key';
  if found then
    return answer;
  elsif not creditgate.is_subscription(subscription) then
    return jsonb_build_object('subscription', subscription, 'outcome', 'not_found');
  end if;

  select array_agg(l.*::creditgate.credit_row) into rows from creditgate.lock_rows(asked_type, subscription) l;
  now := clock_timestamp();
  foreach credit in array coalesce(rows, '{}') loop
    continue when creditgate.resets_at(credit) is null;
    after := creditgate.roll(credit, now);
    after.used := 0;
    after.cycle := after.cycle + 1;
    after.cyclestart := now;
    perform creditgate.record_meeting(credit, after, subscription, now);
    perform creditgate.write_row(after);
    count := count + 1;
  end loop;

  answer := jsonb_build_object('subscription', subscription, 'outcome', 'reset', 'creditType', asked_type, 'rows', count);
  insert into creditgate.acts (subscription_id, kind, subject, key, answer, made_at)
  values (subscription, 'reset', asked_type, request ->> 'key', answer, now);
  return answer;
end
$$;
revoke all on function creditgate.reset(jsonb) from public, anon, authenticated, service_role;
