-- What the guard asks once before it trusts the database: the schema's version and the credit types it knows.
create or replace function public.creditgate_version()
returns jsonb
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'version', (select max(v.version) from creditgate.schema_versions v),
    'creditTypes', (select coalesce(jsonb_agg(t.name order by t.name), '[]') from creditgate.credit_types t));
end
$$;
revoke all on function public.creditgate_version() from public, anon, authenticated, service_role;
grant execute on function public.creditgate_version() to service_role;
