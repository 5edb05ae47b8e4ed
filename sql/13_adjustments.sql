-- Every change of a row's `used` that no reservation accounts for, as far as the library made or saw it.
--   opening  what `used` was when the ledger first met the row
--   reset    what a cycle's end took away, written into the cycle that ended
create table if not exists creditgate.adjustments (
  id              bigint generated always as identity primary key,
  subscription_id uuid not null,
  credit_type     text not null,
  row_id          uuid not null,
  cycle           integer not null,
  kind            text not null,
  amount          integer not null,          -- added to `used` in that cycle
  made_at         timestamptz not null,
  constraint "an adjustment is an opening or a reset" check (kind in ('opening', 'reset'))
);
create unique index if not exists adjustments_opening
  on creditgate.adjustments (subscription_id, credit_type, row_id) where kind = 'opening';
create index if not exists adjustments_row on creditgate.adjustments (subscription_id, credit_type, row_id, cycle);
alter table creditgate.adjustments enable row level security;
revoke all on table creditgate.adjustments from public, anon, authenticated, service_role;
