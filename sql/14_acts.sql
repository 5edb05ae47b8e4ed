-- What was done by hand or by a webhook, under a key of its own, with the answer it got: the same key again gets it again.
--   reversal  subject: the reservation's id    key: the caller's, "ticket-4711"
--   reset     subject: the credit type         key: the billing period's, "in_1Q2w3e"
create table if not exists creditgate.acts (
  subscription_id uuid not null,
  kind            text not null,
  subject         text not null,
  key             text not null,
  asked           jsonb,                     -- of a reversal: the amounts asked for; null: all that is left
  answer          jsonb not null,
  made_at         timestamptz not null,
  constraint "an act is done once for a key" primary key (subscription_id, kind, subject, key),
  constraint "an act is a reversal or a reset" check (kind in ('reversal', 'reset'))
);
alter table creditgate.acts enable row level security;
revoke all on table creditgate.acts from public, anon, authenticated, service_role;
