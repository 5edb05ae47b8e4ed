create or replace function creditgate.answer(operation text, request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
begin
  return case operation
    when 'reserve' then creditgate.reserve(request)
    when 'commit' then creditgate.commit(request)
    when 'refund' then creditgate.refund(request)
    when 'extend' then creditgate.extend(request)
    when 'reverse' then creditgate.reverse(request)
    when 'reset' then creditgate.reset(request)
    when 'sweep' then creditgate.sweep(request)
    when 'prune' then creditgate.prune(request)
  end;
end
$$;
revoke all on function creditgate.answer(text, jsonb) from public, anon, authenticated, service_role;
