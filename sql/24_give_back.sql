-- Gives credits back to the row they came from, while that row is still in the cycle they were drawn in. Returns whether
-- it is. One guarded update: the cycle is tested again on the newest version of the row when the update had to wait.
create or replace function creditgate.give_back(type_name text, credit_row uuid, drawn_in integer, amount integer)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  case type_name
    -- {{each type}}
    when {{type}} then
      update {{table}} set used = greatest(coalesce(used, 0) - amount, 0) where id = credit_row and cycle = drawn_in;
    -- {{end}}
    else return false; -- a type that is no longer configured: its table is not ours to touch any more
  end case;
  return found;
end
$$;
revoke all on function creditgate.give_back(text, uuid, integer, integer) from public, anon, authenticated, service_role;
