create or replace function public.creditgate_reserve(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('reserve', requests);
end
$$;
revoke all on function public.creditgate_reserve(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_reserve(jsonb) to service_role;
