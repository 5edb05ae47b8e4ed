-- What a reservation drew from one credit row: in which cycle of the row, how much was held, how much of it is kept.
-- kept = held while the reservation is open; after its end, kept is what was committed.
do $$
begin
  if to_regtype('creditgate.allocation') is null then
    create type creditgate.allocation as (credit_type text, row_id uuid, cycle integer, held integer, kept integer);
  end if;
end
$$;
revoke all on type creditgate.allocation from public, anon, authenticated, service_role;
