-- What a reservation keeps, by credit type: while open what it holds, once committed what was committed, else zero.
create or replace function creditgate.kept_amounts(reservation creditgate.reservations)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_object_agg(wanted.credit_type, coalesce(
             (select sum(a.kept) from unnest(reservation.allocations) a where a.credit_type = wanted.credit_type), 0)), '{}')
    from jsonb_object_keys(reservation.amounts) as wanted (credit_type)
  );
end
$$;
revoke all on function creditgate.kept_amounts(creditgate.reservations) from public, anon, authenticated, service_role;
