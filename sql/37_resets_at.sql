-- When a credit row's cycle ends; null: never. In seconds and not in days, which would follow the session's time zone.
create or replace function creditgate.resets_at(credit creditgate.credit_row)
returns timestamptz
language plpgsql immutable
set search_path = ''
as $$
begin
  if credit.resetindays is null or credit.resetindays <= 0 or not isfinite(credit.cyclestart) then
    return null;
  end if;
  return credit.cyclestart + make_interval(secs => credit.resetindays * 86400.0);
end
$$;
revoke all on function creditgate.resets_at(creditgate.credit_row) from public, anon, authenticated, service_role;
