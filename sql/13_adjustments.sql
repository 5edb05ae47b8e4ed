-- Every change of a row's `used` that no reservation accounts for, as far as the library made or saw it.
--   opening   what `used` was when the ledger first met the row
--   reset     what a cycle's end took away, written into the cycle that ended
--   reversal  what was given back after a commit, written into the cycle it was drawn in
--   pruned    what pruned reservations keep in the cycle, so that the figures go on adding up without them
create table if not exists creditgate.adjustments (
  id              bigint generated always as identity primary key,
  subscription_id uuid not null,
  credit_type     text not null,
  row_id          uuid not null,
  cycle           integer not null,
  kind            text not null,
  amount          integer not null,          -- added to `used` in that cycle
  made_at         timestamptz not null,
  reservation_id  uuid                       -- of a reversal: what was reversed
);
do $$
begin
  if not exists (select from pg_catalog.pg_constraint c
                 where c.conrelid = 'creditgate.adjustments'::regclass and c.conname = 'an adjustment is of a known kind') then
    alter table creditgate.adjustments add constraint "an adjustment is of a known kind"
      check (kind in ('opening', 'reset', 'reversal', 'pruned'));
  end if;
end
$$;
create unique index if not exists adjustments_opening
  on creditgate.adjustments (subscription_id, credit_type, row_id) where kind = 'opening';
create index if not exists adjustments_row on creditgate.adjustments (subscription_id, credit_type, row_id, cycle);
create index if not exists adjustments_reversal on creditgate.adjustments (reservation_id) where kind = 'reversal';
alter table creditgate.adjustments enable row level security;
revoke all on table creditgate.adjustments from public, anon, authenticated, service_role;
