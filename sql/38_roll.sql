-- A credit row as it is once the cycles that are over have been closed: `used` back to 0, `cyclestart` moved on by
-- whole periods, `cycle` by their number, so that the result does not depend on who touched the row in between.
create or replace function creditgate.roll(credit creditgate.credit_row, at_time timestamptz)
returns creditgate.credit_row
language plpgsql immutable
set search_path = ''
as $$
declare
  ends constant timestamptz := creditgate.resets_at(credit);
  period_seconds double precision;
  periods integer;
begin
  if ends is null or ends > at_time then
    return credit;
  end if;
  period_seconds := credit.resetindays * 86400.0;
  periods := floor(extract(epoch from at_time - credit.cyclestart) / period_seconds);
  credit.cyclestart := credit.cyclestart + make_interval(secs => periods * period_seconds);
  credit.cycle := credit.cycle + periods;
  credit.used := 0;
  return credit;
end
$$;
revoke all on function creditgate.roll(creditgate.credit_row, timestamptz) from public, anon, authenticated, service_role;
