-- Answers an array of requests in order. Each element stands alone: what is refused or fails in one of them is undone
-- for that one and changes nothing for the others.
--
-- Reserves, commits and refunds may stand in columns instead: {"ids": [...], "users": [...], "creditTypes": [...], "amounts": [...],
-- "leases": [...]}, and "keys" with "fingerprints". Then those that succeed are answered in columns too, with null in place of the
-- others, which have their answers in "rest", by position from 0.
create or replace function creditgate.answer_each(operation text, requests jsonb)
returns json
language plpgsql volatile
set search_path = ''
as $$
declare
  in_columns boolean;
  length integer;
  answers text[];                            -- '': it stands in the columns
  columns text;
  request jsonb;
  subscriptions uuid[];
  busy uuid[];
  place integer;
begin
  -- Under a snapshot that is older than the lock, what is read after the lock is not what is there.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'creditgate: call this at isolation level read committed, not %', current_setting('transaction_isolation')
      using errcode = '25001';
  end if;

  -- First and in few expressions: each costs a lone caller some microseconds.
  if (case when jsonb_typeof(requests) = 'array' then jsonb_array_length(requests) = 1 end) then
    return ('[' || creditgate.answer(operation, requests -> 0)::text || ']')::json;
  end if;
  in_columns := coalesce(jsonb_typeof(requests) = 'object' and jsonb_typeof(requests -> 'ids') = 'array' and operation in ('reserve', 'commit', 'refund'), false);
  length := case when in_columns then jsonb_array_length(requests -> 'ids') when jsonb_typeof(requests) = 'array' then jsonb_array_length(requests) end;
  if length is null or length not between 1 and 1000 then
    raise exception 'creditgate: requests must be an array of 1 to 1000 requests' using errcode = '22023';
  end if;

  -- All subscriptions are locked before any element is answered, in one order for every caller. Elements of one
  -- subscription are answered in the order of the array.
  begin
    if operation = 'reserve' then
      select a.answers, a.subscriptions, a.busy, a.columns into answers, subscriptions, busy, columns from creditgate.reserve_all(requests) a;
    elsif operation in ('commit', 'refund') then
      select a.answers, a.subscriptions, a.busy, a.columns into answers, subscriptions, busy, columns from creditgate.settle_all(operation, requests) a;
    end if;
  exception when others then
    answers := null; -- One of them is malformed, or in someone's hands. Which one shows when each is answered by itself.
  end;
  if in_columns and (answers is null or array_position(answers, null) is not null) then
    requests := creditgate.elements(requests);
  end if;
  if answers is null then
    answers := array_fill(null::text, array[length]);
    subscriptions := creditgate.subscriptions_about(requests);
    busy := creditgate.lock_subscriptions(subscriptions);
  end if;

  foreach place in array array_positions(answers, null) loop
    request := requests -> (place - 1);
    begin
      if subscriptions[place] = any (busy) then
        raise exception 'creditgate: the subscription is busy' using errcode = 'lock_not_available';
      end if;
      perform set_config('lock_timeout', '250ms', true);
      answers[place] := creditgate.answer(operation, request)::text;
    exception when others then
      answers[place] := (creditgate.echo(request) || jsonb_build_object('outcome', 'failed', 'code', sqlstate))::text;
      -- Who is stuck once is stuck for the rest of this array.
      if sqlstate = '55P03' then busy := busy || subscriptions[place]; end if;
    end;
  end loop;
  if columns is null then
    return ('[' || array_to_string(answers, ',') || ']')::json;
  end if;
  return concat('{', columns, ',"rest":{',
    (select string_agg('"' || a.n - 1 || '":' || a.answer, ',') from unnest(answers) with ordinality as a (answer, n) where a.answer <> ''), '}}')::json;
end
$$;
revoke all on function creditgate.answer_each(text, jsonb) from public, anon, authenticated, service_role;
