-- One row for each call that credits were held for. Rows stay after they end.
create table if not exists creditgate.reservations (
  id              uuid primary key,          -- made by the guard before the first byte leaves
  subscription_id uuid,                      -- null in a tombstone whose subscription is not known
  user_id         uuid,                      -- null in a tombstone
  state           text not null,
  amounts         jsonb not null,            -- asked for: {"ai": 2}
  allocations     creditgate.allocation[] not null,  -- in the order drawn; an array, so that a reservation is one row written
  reported        jsonb,                     -- delivered so far: {"ai": 1}; null: nothing reported
  lease_until     timestamptz,
  created_at      timestamptz not null,
  ended_at        timestamptz,
  constraint "a reservation is open, committed, refunded or expired"
    check (state in ('open', 'committed', 'refunded', 'expired')),
  constraint "an open reservation has an owner and a lease, and no end"
    check (state <> 'open' or (subscription_id is not null and user_id is not null and lease_until is not null and ended_at is null)),
  constraint "an ended reservation has an end"
    check (state = 'open' or ended_at is not null)
);
-- Finds the leases that are over without reading history: it holds open reservations only.
create index if not exists reservations_open on creditgate.reservations (subscription_id, lease_until) where state = 'open';
alter table creditgate.reservations enable row level security;
revoke all on table creditgate.reservations from public, anon, authenticated, service_role;
