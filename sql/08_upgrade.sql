-- What an earlier version of this schema had otherwise. Reservations that are open stay open, and lose nothing.
do $$
begin
  if (select max(v.version) from creditgate.schema_versions v) = 1 then
    alter table creditgate.reservations add column idempotency_key text, add column fingerprint text;
    alter table creditgate.adjustments
      add column reservation_id uuid,
      drop constraint "an adjustment is an opening or a reset";
    drop function creditgate.give_back(text, uuid, integer, integer);
  end if;
end
$$;
