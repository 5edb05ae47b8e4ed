-- Responses that are kept with their commit, so that a repeated request under the same idempotency key gets the same again.
-- For 24 hours: what is older is never sent, and deleted by the sweep.
create table if not exists creditgate.responses (
  reservation_id  uuid primary key,
  subscription_id uuid not null,
  user_id         uuid not null,             -- another user of the same subscription does not get it
  status          integer not null,
  headers         jsonb not null,            -- {"content-type": "application/json"}
  body            bytea not null,
  stored_at       timestamptz not null,
  constraint "a stored response has a status of HTTP" check (status between 100 and 599)
);
create index if not exists responses_stored on creditgate.responses (stored_at);
alter table creditgate.responses enable row level security;
revoke all on table creditgate.responses from public, anon, authenticated, service_role;
