-- The answer to a request that cannot be carried out as it stands. Nothing has been written.
create or replace function creditgate.invalid(request jsonb, reason text)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return creditgate.echo(request) || jsonb_build_object('outcome', 'invalid', 'reason', reason);
end
$$;
revoke all on function creditgate.invalid(jsonb, text) from public, anon, authenticated, service_role;
