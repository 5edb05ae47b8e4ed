-- Whether a value is a response to keep: {"status": 200, "headers": {"content-type": "text/plain"}, "body": "<base64>"}.
create or replace function creditgate.is_response(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'object'
    and coalesce(value ->> 'status', '') ~ '^[1-5][0-9]{2}$'
    and coalesce(jsonb_typeof(value -> 'headers'), '') = 'object'
    and not exists (select from jsonb_each(value -> 'headers') h where jsonb_typeof(h.value) <> 'string')
    and coalesce(jsonb_typeof(value -> 'body'), '') = 'string'
    and length(value ->> 'body') % 4 = 0 and value ->> 'body' ~ '^[A-Za-z0-9+/]*={0,2}$';
end
$$;
revoke all on function creditgate.is_response(jsonb) from public, anon, authenticated, service_role;
