create or replace function creditgate.is_uuid(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'string'
    and (value #>> '{}') ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$';
end
$$;
revoke all on function creditgate.is_uuid(jsonb) from public, anon, authenticated, service_role;
