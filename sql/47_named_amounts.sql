-- The amounts of a request about a reservation, by credit type: a plain number stands for the one type that was
-- reserved. Where several were, it is handed back as it came, and fits no check.
create or replace function creditgate.named_amounts(amounts jsonb, reservation creditgate.reservations)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(amounts) = 'number' and (select count(*) from jsonb_object_keys(reservation.amounts)) = 1 then
    return (select jsonb_build_object(k, amounts) from jsonb_object_keys(reservation.amounts) k);
  end if;
  return amounts;
end
$$;
revoke all on function creditgate.named_amounts(jsonb, creditgate.reservations) from public, anon, authenticated, service_role;
