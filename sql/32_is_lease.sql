-- A lease is a whole number of seconds, 1 to 900: long enough for any host's limit, short enough that nobody can park credits.
create or replace function creditgate.is_lease(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'number'
    and value::text ~ '^[0-9]{1,3}$' and value::text::integer between 1 and 900;
end
$$;
revoke all on function creditgate.is_lease(jsonb) from public, anon, authenticated, service_role;
