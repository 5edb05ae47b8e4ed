-- One row for each call that credits were held for. Rows stay after they end, until they are pruned by age.
create table if not exists creditgate.reservations (
  id              uuid primary key,          -- made by the guard before the first byte leaves
  subscription_id uuid,                      -- null in a tombstone whose subscription is not known
  user_id         uuid,                      -- null in a tombstone
  state           text not null,
  amounts         jsonb not null,            -- what is reserved: {"ai": 2}
  allocations     creditgate.allocation[] not null,  -- in the order drawn; an array, so that a reservation is one row written
  reported        jsonb,                     -- delivered so far: {"ai": 1}; null: nothing reported
  lease_until     timestamptz,
  created_at      timestamptz not null,
  ended_at        timestamptz,
  idempotency_key text,                      -- which route and key of its client it is an attempt at; null: none was given
  fingerprint     text,                      -- of the request that the key was given with
  asked_for       jsonb,                     -- what the reserve asked for, where `amounts` came to differ; null: it does not
  constraint "a reservation is open, committed, refunded or expired"
    check (state in ('open', 'committed', 'refunded', 'expired')),
  constraint "an open reservation has an owner and a lease, and no end"
    check (state <> 'open' or (subscription_id is not null and user_id is not null and lease_until is not null and ended_at is null)),
  constraint "an ended reservation has an end"
    check (state = 'open' or ended_at is not null)
);
-- Finds the leases that are over without reading history: it holds open reservations only.
create index if not exists reservations_open on creditgate.reservations (subscription_id, lease_until) where state = 'open';
-- Finds what may be pruned.
create index if not exists reservations_ended on creditgate.reservations (ended_at) where state <> 'open';
-- Finds the attempts at a key; and whatever the code does, a key is charged at most once.
create index if not exists reservations_attempts on creditgate.reservations (subscription_id, idempotency_key, created_at)
  where idempotency_key is not null;
create unique index if not exists reservations_charged_once on creditgate.reservations (subscription_id, idempotency_key)
  where idempotency_key is not null and state in ('open', 'committed');
alter table creditgate.reservations enable row level security;
revoke all on table creditgate.reservations from public, anon, authenticated, service_role;
