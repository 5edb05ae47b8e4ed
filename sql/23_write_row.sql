-- Writes what changed in a locked credit row. Figures are absolute: the row has been locked since they were read.
create or replace function creditgate.write_row(credit creditgate.credit_row)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  case credit.credit_type
    -- {{each type}}
    when {{type}} then
      update {{table}} set used = credit.used, cycle = credit.cycle, cyclestart = credit.cyclestart where id = credit.id;
    -- {{end}}
  end case;
end
$$;
revoke all on function creditgate.write_row(creditgate.credit_row) from public, anon, authenticated, service_role;
