-- Writes down what the ledger must know of a row it is about to change: its opening figure when it was never met
-- before, and what the end of a cycle takes away from it.
create or replace function creditgate.record_meeting(
  before creditgate.credit_row, after creditgate.credit_row, subscription uuid, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if not before.met then
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    values (subscription, before.credit_type, before.id, before.cycle, 'opening', before.used, at_time);
  end if;
  if after.cycle <> before.cycle then
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    values (subscription, before.credit_type, before.id, before.cycle, 'reset', -before.used, at_time);
  end if;
end
$$;
revoke all on function creditgate.record_meeting(creditgate.credit_row, creditgate.credit_row, uuid, timestamptz) from public, anon, authenticated, service_role;
