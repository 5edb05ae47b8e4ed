-- The requests that stand in columns, one object each, as an array of them would have come: {"ids": [...], "users": [...], ...}
-- means [{"id": ..., "user": ...}, ...]. What is null in a column, or beyond its end, is absent.
create or replace function creditgate.elements(requests jsonb)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return (
    select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
      'id', e.id, 'user', e.spender, 'lease', e.lease,
      'amounts', case when e.credit_type is not null then jsonb_build_object(e.credit_type, e.amount) end,
      'idempotency', case when coalesce(nullif(e.key, 'null'), nullif(e.fingerprint, 'null')) is not null then jsonb_build_object('key', e.key, 'fingerprint', e.fingerprint) end)) order by e.n)
    from rows from (
      jsonb_array_elements(requests -> 'ids'), jsonb_array_elements(requests -> 'users'), jsonb_array_elements_text(requests -> 'creditTypes'),
      jsonb_array_elements(requests -> 'amounts'), jsonb_array_elements(requests -> 'leases'), jsonb_array_elements(requests -> 'keys'),
      jsonb_array_elements(requests -> 'fingerprints')
    ) with ordinality as e (id, spender, credit_type, amount, lease, key, fingerprint, n)
    where e.n <= jsonb_array_length(requests -> 'ids')
  );
end
$$;
revoke all on function creditgate.elements(jsonb) from public, anon, authenticated, service_role;
