-- One credit row of any credit type, as the functions here hand it to each other.
-- allotted null: unlimited. resetindays null, 0 or less: never resets. met: the ledger knows its opening figure.
do $$
begin
  if to_regtype('creditgate.credit_row') is null then
    create type creditgate.credit_row as (
      credit_type text, id uuid, allotted integer, used integer, resetindays integer,
      cycle integer, cyclestart timestamptz, met boolean);
  end if;
end
$$;
revoke all on type creditgate.credit_row from public, anon, authenticated, service_role;
