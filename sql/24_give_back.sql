-- Gives credits back to the row they came from, while that row is still in the cycle they were drawn in. Returns whether
-- they can be spent: not in a cycle that is over, even where nobody has closed it yet.
-- One guarded update: the cycle is tested again on the newest version of the row when the update had to wait.
create or replace function creditgate.give_back(type_name text, credit_row uuid, drawn_in integer, amount integer)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  ends timestamptz;
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      update {{table}} c set used = greatest(coalesce(c.used, 0) - amount, 0) where c.id = credit_row and c.cycle = drawn_in
      returning creditgate.resets_at(row({{type}}, c.id, c.allotted, c.used, c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row) into ends;
    -- {{end}}
    else return false; -- a type that is no longer configured: its table is not ours to touch any more
  end case;
  return found and coalesce(ends > clock_timestamp(), true);
end
$$;
revoke all on function creditgate.give_back(text, uuid, integer, integer) from public, anon, authenticated, service_role;
