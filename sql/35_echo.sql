-- What an answer repeats of its request, so that the caller knows it for its own: the subscription of a reset, else the id.
create or replace function creditgate.echo(request jsonb)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when request ? 'subscription' then jsonb_build_object('subscription', request -> 'subscription')
              else jsonb_build_object('id', request -> 'id') end;
end
$$;
revoke all on function creditgate.echo(jsonb) from public, anon, authenticated, service_role;
