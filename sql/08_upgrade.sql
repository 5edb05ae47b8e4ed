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

  if (select max(v.version) from creditgate.schema_versions v) < 4 then
    alter table creditgate.reservations add column if not exists asked_for jsonb;
  end if;

  if (select max(v.version) from creditgate.schema_versions v) < 3 then
    -- They return json now: put together as text, it is cheaper.
    drop function if exists public.creditgate_reserve(jsonb), public.creditgate_commit(jsonb), public.creditgate_refund(jsonb),
      public.creditgate_extend(jsonb), public.creditgate_reverse(jsonb), public.creditgate_reset(jsonb),
      public.creditgate_sweep(jsonb), public.creditgate_prune(jsonb), creditgate.answer_each(text, jsonb);
  end if;

  if (select max(v.version) from creditgate.schema_versions v) < 5 then
    drop function if exists creditgate.lock_rows_of(text, uuid[]), creditgate.write_rows(text, uuid[], integer[], integer[], timestamptz[]);
    -- It returns one row now, instead of two columns of which one is a row.
    drop function if exists creditgate.try_lock_row(text, uuid);
  end if;

  -- Of version 5 itself, before requests could stand in columns: they return more now.
  if to_regprocedure('creditgate.read_reserves(jsonb)') is null then
    drop function if exists creditgate.reserve_all(jsonb), creditgate.settle_all(text, jsonb), creditgate.commit_all(uuid[], uuid[], jsonb[], uuid[]),
      creditgate.give_back_rest(text, uuid[], uuid[], jsonb[], uuid[], bigint[]);
  end if;
end
$$;
