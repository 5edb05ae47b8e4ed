-- What can still be drawn from a credit row. A row without an allotment is bounded only by the column's type.
create or replace function creditgate.headroom(credit creditgate.credit_row)
returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
  return least(greatest(coalesce(credit.allotted, 2147483647)::bigint - credit.used, 0), 2147483647::bigint - credit.used);
end
$$;
revoke all on function creditgate.headroom(creditgate.credit_row) from public, anon, authenticated, service_role;
