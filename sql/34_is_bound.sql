-- Whether a value is absent or a whole number from 1 to `highest`.
create or replace function creditgate.is_bound(value jsonb, highest integer)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return value is null
    or (jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]{1,9}$' and value::text::integer between 1 and highest);
end
$$;
revoke all on function creditgate.is_bound(jsonb, integer) from public, anon, authenticated, service_role;
