-- Writes the rows that something is drawn from, and what the ledger must know of them: draw() has said how.
create or replace function creditgate.write_drawn(
  subscription uuid, before creditgate.credit_row[], after creditgate.credit_row[], drawn boolean[], at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  for place in 1 .. cardinality(after) loop
    continue when not drawn[place];
    if not (before[place]).met or (after[place]).cycle <> (before[place]).cycle then
      perform creditgate.record_meeting(before[place], after[place], subscription, at_time);
    end if;
    perform creditgate.write_row(after[place]);
  end loop;
end
$$;
revoke all on function creditgate.write_drawn(uuid, creditgate.credit_row[], creditgate.credit_row[], boolean[], timestamptz) from public, anon, authenticated, service_role;
