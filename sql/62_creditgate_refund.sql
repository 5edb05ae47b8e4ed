create or replace function public.creditgate_refund(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('refund', requests);
end
$$;
revoke all on function public.creditgate_refund(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_refund(jsonb) to service_role;
