-- A key of a caller's own making: 1 to 200 characters.
create or replace function creditgate.is_key(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'string' and length(value #>> '{}') between 1 and 200;
end
$$;
revoke all on function creditgate.is_key(jsonb) from public, anon, authenticated, service_role;
