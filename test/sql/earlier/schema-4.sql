-- What must be true before anything is created. Runs first, writes nothing.
do $$
declare
  missing text;
  newest integer;
begin
  -- Two deployments may run this at the same moment: the second waits, then finds everything done.
  perform pg_advisory_xact_lock(hashtextextended('creditgate.migration', 0));

  if current_setting('server_version_num')::integer < 150000 then
    raise exception 'creditgate needs Postgres 15 or newer; this is %', current_setting('server_version');
  end if;

  select string_agg(wanted.role_name, ', ') into missing
  from unnest(array['anon', 'authenticated', 'service_role']) as wanted (role_name)
  where not exists (select from pg_catalog.pg_roles r where r.rolname = wanted.role_name);
  if missing is not null then
    raise exception 'creditgate: this database has no role %', missing
      using hint = 'creditgate runs on Supabase databases. On a plain Postgres create the roles first: create role <name> nologin;';
  end if;

  if to_regclass('creditgate.schema_versions') is not null then
    execute 'select max(version) from creditgate.schema_versions' into newest;
    if newest > 4 then
      raise exception 'creditgate: this database has schema version %, this migration is the older version 4', newest
        using hint = 'Upgrade the creditgate package and print the migration again: npx creditgate sql';
    end if;
  end if;
end
$$;

-- On a database in use, calls lock our tables and views in orders of their own. Everything of ours is locked here at once,
-- and let go and tried again sooner than Postgres would call it a deadlock (deadlock_timeout, 1 s), which ends either side.
do $$
declare
  before constant text := current_setting('lock_timeout');
  relation record;
begin
  perform set_config('lock_timeout', '100ms', true);
  for attempt in 1..100 loop
    begin
      for relation in
        select c.oid::regclass as name, c.relkind = 'v' as is_view from pg_catalog.pg_class c
        where c.relnamespace = to_regnamespace('creditgate') and c.relkind in ('r', 'v') order by c.relname
      loop
        -- "lock table" of a view would lock the user's tables behind it too.
        execute format(case when relation.is_view then 'alter view %s set (security_invoker = true)'
                            else 'lock table %s in access exclusive mode' end, relation.name);
      end loop;
      exit;
    exception when lock_not_available or deadlock_detected then
      if attempt = 100 then
        raise exception 'creditgate: the tables of schema creditgate are in use without a pause, last %', relation.name
          using errcode = 'lock_not_available', hint = 'Look for a transaction that stays open: select * from pg_stat_activity where state <> ''idle''. Then run the migration again: nothing was changed.';
      end if;
      perform pg_sleep(random() * 0.1);
    end;
  end loop;
  perform set_config('lock_timeout', before, true);
end
$$;

-- Everything of ours that is not an entry point lives here, and the Data API does not expose it.
create schema if not exists creditgate;
revoke all on schema creditgate from public, anon, authenticated, service_role;
-- A signed-in user reaches one function in it, creditgate.own_balance(); every other object is revoked from them by name.
grant usage on schema creditgate to authenticated;
comment on schema creditgate is 'Credits held for calls to paid routes. Made by creditgate; see https://www.npmjs.com/package/creditgate';

create table if not exists creditgate.schema_versions (
  version    integer primary key,
  applied_at timestamptz not null default now()
);
alter table creditgate.schema_versions enable row level security;
revoke all on table creditgate.schema_versions from public, anon, authenticated, service_role;

-- The credit types and the table each one stands on. The functions that touch those tables are generated with
-- the table's name in them, so that their plans are cached; this table is what people and tools read.
create table if not exists creditgate.credit_types (
  name         text primary key,
  table_schema text not null,
  table_name   text not null,
  constraint "a credit type has a table of its own" unique (table_schema, table_name)
);
alter table creditgate.credit_types enable row level security;
revoke all on table creditgate.credit_types from public, anon, authenticated, service_role;

-- The user's subscription table: left as it is where it exists, created where it does not.
do $$
declare
  found_columns text;
begin
  if to_regclass('"public"."UserProfileSubscription"') is null then
    create table "public"."UserProfileSubscription" (
      id uuid primary key default gen_random_uuid(),
      "userid" uuid not null,
      "status" text not null default 'active'
    );
    create index on "public"."UserProfileSubscription" ("userid");
    alter table "public"."UserProfileSubscription" enable row level security;
    revoke all on table "public"."UserProfileSubscription" from public, anon, authenticated, service_role;
    grant select, insert, update, delete on table "public"."UserProfileSubscription" to service_role;
    return;
  end if;

  select string_agg(a.attname, ', ' order by a.attnum) into found_columns
  from pg_catalog.pg_attribute a
  where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attnum > 0 and not a.attisdropped;

  if not exists (select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attname = 'id' and a.atttypid = 'uuid'::regtype) then
    raise exception 'creditgate: % has no column "id" of type uuid', '"public"."UserProfileSubscription"'
      using detail = 'Its columns are: ' || found_columns;
  end if;
  if not exists (select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attname = 'userid' and not a.attisdropped) then
    raise exception 'creditgate: % has no column %, which should hold the id of the Supabase user', '"public"."UserProfileSubscription"', 'userid'
      using detail = 'Its columns are: ' || found_columns,
            hint = 'Name the right one: npx creditgate init --user-column <column>';
  end if;
  if 'status' is not null and not exists (
                 select from pg_catalog.pg_attribute a
                 where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attname = 'status' and not a.attisdropped) then
    raise exception 'creditgate: % has no column %, which should say whether the subscription is active', '"public"."UserProfileSubscription"', 'status'
      using detail = 'Its columns are: ' || found_columns,
            hint = 'Name the right one: npx creditgate init --status-column <column>, or --status-column none where every row is active';
  end if;
end
$$;

-- Makes one table a credit table: creates it where it is missing, else checks it and adds what creditgate needs.
-- Never touches a row, a grant or a policy of a table that was there before.
create or replace function creditgate.adopt_credit_table(type_name text, schema_of text, name_of text)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  qualified constant text := format('%I.%I', schema_of, name_of);
  credit_table regclass := to_regclass(qualified);
  subscription_table constant regclass := '"public"."UserProfileSubscription"'::regclass;
  wrong text;
  definition text;
  dangling bigint;
  example text;
begin
  if credit_table is null then
    execute format(
      'create table %s (
         id uuid primary key,
         allotted integer,
         used integer default 0,
         resetindays integer,
         subscriptionid uuid references %s (id)
       )', qualified, subscription_table);
    execute format('alter table %s enable row level security', qualified);
    execute format('revoke all on table %s from public, anon, authenticated, service_role', qualified);
    execute format('grant select, insert, update, delete on table %s to service_role', qualified);
    credit_table := to_regclass(qualified);
  end if;

  select string_agg(format('"%s" %s', w.column_name, w.column_type), ', ' order by w.column_name) into wrong
  from (values ('id', 'uuid'), ('allotted', 'integer'), ('used', 'integer'), ('resetindays', 'integer'), ('subscriptionid', 'uuid'))
       as w (column_name, column_type)
  where not exists (select from pg_catalog.pg_attribute a
                    where a.attrelid = credit_table and a.attname = w.column_name and not a.attisdropped
                      and a.atttypid = w.column_type::regtype);
  if wrong is not null then
    raise exception 'creditgate: % cannot hold % credits: it lacks the columns %', qualified, type_name, wrong;
  end if;
  if not exists (select from pg_catalog.pg_index i
                 where i.indrelid = credit_table and i.indisunique and i.indisvalid and i.indpred is null and i.indnkeyatts = 1
                   and (select a.attname from pg_catalog.pg_attribute a where a.attrelid = credit_table and a.attnum = i.indkey[0]) = 'id') then
    raise exception 'creditgate: % has no primary key on "id"', qualified
      using hint = format('alter table %s add primary key (id);', qualified);
  end if;

  if not exists (select from pg_catalog.pg_constraint c
                 where c.conrelid = credit_table and c.contype = 'f' and c.confrelid = subscription_table
                   and c.conkey = array[(select a.attnum from pg_catalog.pg_attribute a
                                         where a.attrelid = credit_table and a.attname = 'subscriptionid')]) then
    execute format('select count(*), min(id::text) from %s c where c.subscriptionid is not null
                      and not exists (select from %s s where s.id = c.subscriptionid)', qualified, subscription_table)
      into dangling, example;
    if dangling > 0 then
      raise exception 'creditgate: % rows of % have a subscriptionid that no row of % has, for example id %',
                      dangling, qualified, subscription_table, example
        using hint = format('Mend or delete them, then run the migration again. To see them: select * from %s c where not exists (select from %s s where s.id = c.subscriptionid);',
                            qualified, subscription_table);
    end if;
    execute format('alter table %s add foreign key (subscriptionid) references %s (id)', qualified, subscription_table);
  end if;

  -- "add column if not exists" would take the strongest lock each time the migration runs.
  for definition in
    select w.column_definition
    from (values ('cycle', 'cycle integer not null default 0'), ('cyclestart', 'cyclestart timestamptz not null default now()'))
         as w (column_name, column_definition)
    where not exists (select from pg_catalog.pg_attribute a
                      where a.attrelid = credit_table and a.attname = w.column_name and not a.attisdropped)
  loop
    execute format('alter table %s add column %s', qualified, definition);
  end loop;

  if not exists (select from pg_catalog.pg_index i
                 where i.indrelid = credit_table and i.indisvalid and i.indpred is null
                   and (select a.attname from pg_catalog.pg_attribute a where a.attrelid = credit_table and a.attnum = i.indkey[0]) = 'subscriptionid') then
    execute format('create index on %s (subscriptionid)', qualified);
  end if;

  -- Room in each page keeps the updates of `used` heap-only: no index entry is written for them.
  if not exists (select from pg_catalog.pg_class c, unnest(c.reloptions) as o (setting)
                 where c.oid = credit_table and o.setting like 'fillfactor=%') then
    execute format('alter table %s set (fillfactor = 70)', qualified);
  end if;

  insert into creditgate.credit_types (name, table_schema, table_name)
  values (type_name, schema_of, name_of)
  on conflict (name) do update set table_schema = excluded.table_schema, table_name = excluded.table_name
  where (credit_types.table_schema, credit_types.table_name) is distinct from (excluded.table_schema, excluded.table_name);

  -- Said, never mended: grants and policies of the user's own tables are the user's.
  if not (select c.relrowsecurity from pg_catalog.pg_class c where c.oid = credit_table)
     and (has_any_column_privilege('authenticated', credit_table, 'update') or has_any_column_privilege('anon', credit_table, 'update')) then
    raise warning 'creditgate: a signed-in user can change % through the Data API, and so their own credits', qualified
      using hint = format('alter table %s enable row level security; revoke insert, update, delete, truncate on %s from anon, authenticated;', qualified, qualified);
  end if;
end
$$;
revoke all on function creditgate.adopt_credit_table(text, text, text) from public, anon, authenticated, service_role;

select creditgate.adopt_credit_table('ai', 'public', 'AICredits');
select creditgate.adopt_credit_table('lead', 'public', 'LeadCredits');
select creditgate.adopt_credit_table('skipTrace', 'public', 'SkipTraceCredits');

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
end
$$;

-- What a reservation drew from one credit row: in which cycle of the row, how much was held, how much of it is kept.
-- kept = held while the reservation is open; after its end, kept is what was committed.
do $$
begin
  if to_regtype('creditgate.allocation') is null then
    create type creditgate.allocation as (credit_type text, row_id uuid, cycle integer, held integer, kept integer);
  end if;
end
$$;
revoke all on type creditgate.allocation from public, anon, authenticated, service_role;

-- One credit row of any credit type, as the functions here hand it to each other.
-- allotted null: unlimited. resetindays null, 0 or less: never resets. met: the ledger knows its opening figure.
do $$
begin
  if to_regtype('creditgate.credit_row') is null then
    create type creditgate.credit_row as (
      credit_type text, id uuid, allotted integer, used integer, resetindays integer,
      cycle integer, cyclestart timestamptz, met boolean);
  end if;
end
$$;
revoke all on type creditgate.credit_row from public, anon, authenticated, service_role;

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

-- The one place that says which subscription a user spends from, and what "active" means. Yours to edit
-- (organisations, seats, several plans): once its body differs from what was generated here, a later
-- migration leaves it alone. It must return null for a user who has no active subscription.
do $$
declare
  user_type constant text := (select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
                              where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attname = 'userid');
  body constant text := replace($body$
begin
  return (
    select s.id
    from "public"."UserProfileSubscription" s
    where s."userid" = spender::@user_type@ and s."status"::text in ('active', 'trialing')
    order by s.id
    limit 1
  );
end
$body$, '@user_type@', user_type);
  present text;
  generated text;
begin
  select p.prosrc, substring(obj_description(p.oid, 'pg_proc') from 'generated ([0-9a-f]{32})') into present, generated
  from pg_catalog.pg_proc p where p.oid = to_regprocedure('creditgate.subscription_of(uuid)');

  if present is null or md5(present) = generated then
    execute format('create or replace function creditgate.subscription_of(spender uuid) returns uuid
                    language plpgsql stable set search_path = '''' as %L', body);
    execute format('comment on function creditgate.subscription_of(uuid) is %L',
                   'The active subscription a user spends from, or null. Edit it freely: a migration replaces it only while it is as generated ' || md5(body));
  else
    raise notice 'creditgate: creditgate.subscription_of(uuid) has been edited and is left as it is';
  end if;
end
$$;
revoke all on function creditgate.subscription_of(uuid) from public, anon, authenticated, service_role;

-- The first lock of every operation, and the only one that two operations of ours contend for: whoever holds it
-- is alone with the subscription's reservations and credit rows, so the order of all further locks cannot deadlock.
-- An advisory lock and not a row: it writes no WAL, needs no row to exist, and works in every pooling mode.
create or replace function creditgate.lock_subscription(subscription uuid)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));
end
$$;
revoke all on function creditgate.lock_subscription(uuid) from public, anon, authenticated, service_role;

-- Locks the credit rows of one type that a subscription has, in the order of their ids, and returns them as they
-- are once locked. This lock holds off other writers (top-ups, an old cron job); ours are held off already.
create or replace function creditgate.lock_rows(type_name text, subscription uuid)
returns setof creditgate.credit_row
language plpgsql volatile
set search_path = ''
as $$
begin
  case type_name
    when 'ai' then
      return query
        select 'ai'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = subscription and a.credit_type = 'ai' and a.row_id = c.id and a.kind = 'opening')
        from "public"."AICredits" c
        where c.subscriptionid = subscription
        order by c.id
        for no key update of c;
    when 'lead' then
      return query
        select 'lead'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = subscription and a.credit_type = 'lead' and a.row_id = c.id and a.kind = 'opening')
        from "public"."LeadCredits" c
        where c.subscriptionid = subscription
        order by c.id
        for no key update of c;
    when 'skipTrace' then
      return query
        select 'skipTrace'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = subscription and a.credit_type = 'skipTrace' and a.row_id = c.id and a.kind = 'opening')
        from "public"."SkipTraceCredits" c
        where c.subscriptionid = subscription
        order by c.id
        for no key update of c;
  end case;
end
$$;
revoke all on function creditgate.lock_rows(text, uuid) from public, anon, authenticated, service_role;

-- Writes what changed in a locked credit row. Figures are absolute: the row has been locked since they were read.
create or replace function creditgate.write_row(credit creditgate.credit_row)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  case credit.credit_type
    when 'ai' then
      update "public"."AICredits" set used = credit.used, cycle = credit.cycle, cyclestart = credit.cyclestart where id = credit.id;
    when 'lead' then
      update "public"."LeadCredits" set used = credit.used, cycle = credit.cycle, cyclestart = credit.cyclestart where id = credit.id;
    when 'skipTrace' then
      update "public"."SkipTraceCredits" set used = credit.used, cycle = credit.cycle, cyclestart = credit.cyclestart where id = credit.id;
  end case;
end
$$;
revoke all on function creditgate.write_row(creditgate.credit_row) from public, anon, authenticated, service_role;

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
    when 'ai' then
      update "public"."AICredits" c set used = greatest(coalesce(c.used, 0) - amount, 0) where c.id = credit_row and c.cycle = drawn_in
      returning creditgate.resets_at(row('ai', c.id, c.allotted, c.used, c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row) into ends;
    when 'lead' then
      update "public"."LeadCredits" c set used = greatest(coalesce(c.used, 0) - amount, 0) where c.id = credit_row and c.cycle = drawn_in
      returning creditgate.resets_at(row('lead', c.id, c.allotted, c.used, c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row) into ends;
    when 'skipTrace' then
      update "public"."SkipTraceCredits" c set used = greatest(coalesce(c.used, 0) - amount, 0) where c.id = credit_row and c.cycle = drawn_in
      returning creditgate.resets_at(row('skipTrace', c.id, c.allotted, c.used, c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row) into ends;
    else return false; -- a type that is no longer configured: its table is not ours to touch any more
  end case;
  return found and coalesce(ends > clock_timestamp(), true);
end
$$;
revoke all on function creditgate.give_back(text, uuid, integer, integer) from public, anon, authenticated, service_role;

-- All credit rows of all types in one shape, for reading.
create or replace view creditgate.credit_rows with (security_invoker = true) as
select 'ai'::text as credit_type, c.id, c.subscriptionid as subscription_id, c.allotted, coalesce(c.used, 0) as used,
       c.resetindays, c.cycle, c.cyclestart
from "public"."AICredits" c
union all
select 'lead'::text as credit_type, c.id, c.subscriptionid as subscription_id, c.allotted, coalesce(c.used, 0) as used,
       c.resetindays, c.cycle, c.cyclestart
from "public"."LeadCredits" c
union all
select 'skipTrace'::text as credit_type, c.id, c.subscriptionid as subscription_id, c.allotted, coalesce(c.used, 0) as used,
       c.resetindays, c.cycle, c.cyclestart
from "public"."SkipTraceCredits" c
;
revoke all on table creditgate.credit_rows from public, anon, authenticated, service_role;

create or replace function creditgate.is_subscription(subscription uuid)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return exists (select from "public"."UserProfileSubscription" s where s.id = subscription);
end
$$;
revoke all on function creditgate.is_subscription(uuid) from public, anon, authenticated, service_role;

-- Whether a session of Supabase Auth still exists for a user who may still sign in. A signed token stays good until it
-- expires; a session that was ended, and a user who was banned or deleted, show only here.
create or replace function creditgate.session_stands(spender uuid, session uuid)
returns boolean
language plpgsql stable
set search_path = ''
as $$
begin
  return exists (
    select from auth.sessions s
    join auth.users u on u.id = s.user_id
    where s.id = session and s.user_id = spender
      and coalesce(s.not_after > now(), true) and coalesce(u.banned_until <= now(), true) and u.deleted_at is null);
end
$$;
revoke all on function creditgate.session_stands(uuid, uuid) from public, anon, authenticated, service_role;

-- Locks one credit row unless someone else holds it, without waiting. Returns whether nobody else does: a row that is
-- gone, or of a type that is no longer configured, is in nobody's hands.
create or replace function creditgate.try_lock_row(type_name text, credit_row uuid, out free boolean, out credit creditgate.credit_row)
language plpgsql volatile
set search_path = ''
as $$
begin
  free := true;
  case type_name
    when 'ai' then
      select 'ai'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
             exists (select from creditgate.adjustments a
                     where a.subscription_id = c.subscriptionid and a.credit_type = 'ai' and a.row_id = c.id and a.kind = 'opening')
      into credit
      from "public"."AICredits" c where c.id = credit_row
      for no key update of c skip locked;
      free := found or not exists (select from "public"."AICredits" c where c.id = credit_row);
    when 'lead' then
      select 'lead'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
             exists (select from creditgate.adjustments a
                     where a.subscription_id = c.subscriptionid and a.credit_type = 'lead' and a.row_id = c.id and a.kind = 'opening')
      into credit
      from "public"."LeadCredits" c where c.id = credit_row
      for no key update of c skip locked;
      free := found or not exists (select from "public"."LeadCredits" c where c.id = credit_row);
    when 'skipTrace' then
      select 'skipTrace'::text, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
             exists (select from creditgate.adjustments a
                     where a.subscription_id = c.subscriptionid and a.credit_type = 'skipTrace' and a.row_id = c.id and a.kind = 'opening')
      into credit
      from "public"."SkipTraceCredits" c where c.id = credit_row
      for no key update of c skip locked;
      free := found or not exists (select from "public"."SkipTraceCredits" c where c.id = credit_row);
    else null;
  end case;
end
$$;
revoke all on function creditgate.try_lock_row(text, uuid) from public, anon, authenticated, service_role;

-- The lock of lock_subscription() for those who have other things to do meanwhile. Returns whether it was free.
create or replace function creditgate.try_lock_subscription(subscription uuid)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
begin
  return pg_try_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));
end
$$;
revoke all on function creditgate.try_lock_subscription(uuid) from public, anon, authenticated, service_role;

-- The credit rows whose cycle is over and has something to take away. What nobody touches is read wrongly by other
-- readers of the table until a sweep closes it.
create or replace view creditgate.due_rows with (security_invoker = true) as
select c.credit_type, c.id, c.subscription_id
from creditgate.credit_rows c
where c.resetindays > 0 and c.used <> 0 and c.subscription_id is not null and isfinite(c.cyclestart)
  and c.cyclestart + make_interval(secs => c.resetindays * 86400.0) <= clock_timestamp();
revoke all on table creditgate.due_rows from public, anon, authenticated, service_role;

-- Whether a value is a set of amounts: {"ai": 2, "skipTrace": 1}, each a whole number that fits the credit tables.
create or replace function creditgate.is_amounts(amounts jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(amounts), '') = 'object'
    and exists (select from jsonb_each(amounts))
    and not exists (select from jsonb_each(amounts) e
                    where jsonb_typeof(e.value) <> 'number' or e.value::text !~ '^[0-9]{1,10}$' or e.value::text::bigint > 2147483647);
end
$$;
revoke all on function creditgate.is_amounts(jsonb) from public, anon, authenticated, service_role;

create or replace function creditgate.is_uuid(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'string'
    and (value #>> '{}') ~ '^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$';
end
$$;
revoke all on function creditgate.is_uuid(jsonb) from public, anon, authenticated, service_role;

-- A lease is a whole number of seconds, 1 to 900: long enough for any host's limit, short enough that nobody can park credits.
create or replace function creditgate.is_lease(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'number'
    and value::text ~ '^[0-9]{1,3}$' and value::text::integer between 1 and 900;
end
$$;
revoke all on function creditgate.is_lease(jsonb) from public, anon, authenticated, service_role;

-- A key of a caller's own making: 1 to 200 characters.
create or replace function creditgate.is_key(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'string' and length(value #>> '{}') between 1 and 200;
end
$$;
revoke all on function creditgate.is_key(jsonb) from public, anon, authenticated, service_role;

-- Whether a value is absent or a whole number from 1 to `highest`.
create or replace function creditgate.is_bound(value jsonb, highest integer)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return value is null
    or (jsonb_typeof(value) = 'number' and value::text ~ '^[0-9]{1,9}$' and value::text::integer between 1 and highest);
end
$$;
revoke all on function creditgate.is_bound(jsonb, integer) from public, anon, authenticated, service_role;

-- What an answer repeats of its request, so that the caller knows it for its own: the subscription of a reset, else the id.
create or replace function creditgate.echo(request jsonb)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return case when request ? 'subscription' then jsonb_build_object('subscription', request -> 'subscription')
              else jsonb_build_object('id', request -> 'id') end;
end
$$;
revoke all on function creditgate.echo(jsonb) from public, anon, authenticated, service_role;

-- The answer to a request that cannot be carried out as it stands. Nothing has been written.
create or replace function creditgate.invalid(request jsonb, reason text)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return creditgate.echo(request) || jsonb_build_object('outcome', 'invalid', 'reason', reason);
end
$$;
revoke all on function creditgate.invalid(jsonb, text) from public, anon, authenticated, service_role;

-- Whether a value is a response to keep: {"status": 200, "headers": {"content-type": "text/plain"}, "body": "<base64>"}.
create or replace function creditgate.is_response(value jsonb)
returns boolean
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce(jsonb_typeof(value), '') = 'object'
    and coalesce(value ->> 'status', '') ~ '^[1-5][0-9]{2}$'
    and coalesce(jsonb_typeof(value -> 'headers'), '') = 'object'
    and not exists (select from jsonb_each(value -> 'headers') h where jsonb_typeof(h.value) <> 'string')
    and coalesce(jsonb_typeof(value -> 'body'), '') = 'string'
    and length(value ->> 'body') % 4 = 0 and value ->> 'body' ~ '^[A-Za-z0-9+/]*={0,2}$';
end
$$;
revoke all on function creditgate.is_response(jsonb) from public, anon, authenticated, service_role;

-- When a credit row's cycle ends; null: never. In seconds and not in days, which would follow the session's time zone.
create or replace function creditgate.resets_at(credit creditgate.credit_row)
returns timestamptz
language plpgsql immutable
set search_path = ''
as $$
begin
  if credit.resetindays is null or credit.resetindays <= 0 or not isfinite(credit.cyclestart) then
    return null;
  end if;
  return credit.cyclestart + make_interval(secs => credit.resetindays * 86400.0);
end
$$;
revoke all on function creditgate.resets_at(creditgate.credit_row) from public, anon, authenticated, service_role;

-- A credit row as it is once the cycles that are over have been closed: `used` back to 0, `cyclestart` moved on by
-- whole periods, `cycle` by their number, so that the result does not depend on who touched the row in between.
create or replace function creditgate.roll(credit creditgate.credit_row, at_time timestamptz)
returns creditgate.credit_row
language plpgsql immutable
set search_path = ''
as $$
declare
  ends constant timestamptz := creditgate.resets_at(credit);
  period_seconds double precision;
  periods integer;
begin
  if ends is null or ends > at_time then
    return credit;
  end if;
  period_seconds := credit.resetindays * 86400.0;
  periods := floor(extract(epoch from at_time - credit.cyclestart) / period_seconds);
  credit.cyclestart := credit.cyclestart + make_interval(secs => periods * period_seconds);
  credit.cycle := credit.cycle + periods;
  credit.used := 0;
  return credit;
end
$$;
revoke all on function creditgate.roll(creditgate.credit_row, timestamptz) from public, anon, authenticated, service_role;

-- Says how amounts are drawn from locked rows: rows that reset soonest are spent first, rows that never reset last.
-- `minimum`: the types of which less than wanted will do, and how much must be had; null: none. Writes nothing.
--
-- short: the type that there is not enough of, with what is left of it in `available`; null: all can be drawn.
-- before, after, drawn: each row looked at, as it was, as it would be, and whether anything is drawn from it.
create or replace function creditgate.draw(
  wanted jsonb, minimum jsonb, rows creditgate.credit_row[], at_time timestamptz,
  out granted jsonb, out allocations creditgate.allocation[], out short text, out available bigint,
  out before creditgate.credit_row[], out after creditgate.credit_row[], out drawn boolean[])
language plpgsql immutable
set search_path = ''
as $$
declare
  wanted_type text;
  need bigint;
  taken integer;
  credit creditgate.credit_row;
  rolled creditgate.credit_row;
begin
  granted := wanted;
  allocations := array[]::creditgate.allocation[];
  before := array[]::creditgate.credit_row[];
  after := array[]::creditgate.credit_row[];
  drawn := array[]::boolean[];
  for wanted_type, need in select e.key, e.value::text::bigint from jsonb_each(wanted) e order by 1 loop
    for credit in
      select c.* from unnest(rows) c where c.credit_type = wanted_type
      order by creditgate.resets_at(creditgate.roll(c::creditgate.credit_row, at_time)) nulls last, c.id
    loop
      rolled := creditgate.roll(credit, at_time);
      taken := least(need, creditgate.headroom(rolled));
      if taken > 0 then
        need := need - taken;
        rolled.used := rolled.used + taken;
        allocations := allocations || row(wanted_type, rolled.id, rolled.cycle, taken, taken)::creditgate.allocation;
      end if;
      before := before || credit;
      after := after || rolled;
      drawn := drawn || (taken > 0);
    end loop;
    if need > 0 then
      available := (wanted ->> wanted_type)::bigint - need;
      -- No type, or too little of it: the comparison is null or false.
      if coalesce(available < (minimum ->> wanted_type)::bigint, true) then
        short := wanted_type;
        return;
      end if;
      granted := jsonb_set(granted, array[wanted_type], to_jsonb(available));
    end if;
  end loop;
end
$$;
revoke all on function creditgate.draw(jsonb, jsonb, creditgate.credit_row[], timestamptz) from public, anon, authenticated, service_role;

-- What can still be drawn from a credit row. A row without an allotment is bounded only by the column's type.
create or replace function creditgate.headroom(credit creditgate.credit_row)
returns bigint
language plpgsql immutable
set search_path = ''
as $$
begin
  return least(greatest(coalesce(credit.allotted, 2147483647)::bigint - credit.used, 0), 2147483647::bigint - credit.used);
end
$$;
revoke all on function creditgate.headroom(creditgate.credit_row) from public, anon, authenticated, service_role;

-- What a reservation keeps, by credit type: while open what it holds, once committed what was committed, else zero.
create or replace function creditgate.kept_amounts(reservation creditgate.reservations)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return (
    select coalesce(jsonb_object_agg(wanted.credit_type, coalesce(
             (select sum(a.kept) from unnest(reservation.allocations) a where a.credit_type = wanted.credit_type), 0)), '{}')
    from jsonb_object_keys(reservation.amounts) as wanted (credit_type)
  );
end
$$;
revoke all on function creditgate.kept_amounts(creditgate.reservations) from public, anon, authenticated, service_role;

-- Ends an open reservation: keeps `keep` ({"ai": 1}) of what it holds and gives the rest back to the very rows it was
-- drawn from, the row drawn last first. The caller holds the subscription's lock and has checked every amount.
create or replace function creditgate.end_reservation(reservation creditgate.reservations, end_state text, keep jsonb, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  left_to_keep jsonb := keep;
  allocation creditgate.allocation;
  settled creditgate.allocation[] := array[]::creditgate.allocation[];
begin
  if keep = reservation.amounts then
    -- All of it is kept, as nearly always: what is held is what is kept already, and no credit row is touched.
    update creditgate.reservations set state = end_state, ended_at = at_time where id = reservation.id;
    return;
  end if;

  foreach allocation in array reservation.allocations loop
    allocation.kept := least(allocation.held, coalesce((left_to_keep ->> allocation.credit_type)::integer, 0));
    left_to_keep := left_to_keep || jsonb_build_object(
      allocation.credit_type, coalesce((left_to_keep ->> allocation.credit_type)::integer, 0) - allocation.kept);
    if allocation.kept < allocation.held then
      perform creditgate.give_back(allocation.credit_type, allocation.row_id, allocation.cycle, allocation.held - allocation.kept);
    end if;
    settled := settled || allocation;
  end loop;

  update creditgate.reservations
  set state = end_state, allocations = settled, ended_at = at_time
  where id = reservation.id;
end
$$;
revoke all on function creditgate.end_reservation(creditgate.reservations, text, jsonb, timestamptz) from public, anon, authenticated, service_role;

-- Ends a reservation whose lease is over: with what was reported if work was reported, else with nothing.
-- Returns whether it did. The caller holds the subscription's lock.
create or replace function creditgate.expire(reservation creditgate.reservations)
returns boolean
language plpgsql volatile
set search_path = ''
as $$
declare
  now constant timestamptz := clock_timestamp();
begin
  if reservation.state is distinct from 'open' or reservation.lease_until > now then
    return false;
  end if;
  if reservation.reported is null then
    perform creditgate.end_reservation(reservation, 'expired', '{}', now);
  else
    perform creditgate.end_reservation(reservation, 'committed', reservation.reported, now);
  end if;
  return true;
end
$$;
revoke all on function creditgate.expire(creditgate.reservations) from public, anon, authenticated, service_role;

-- Ends the reservations of a subscription whose lease is over, so that what a dead process held can be spent again.
-- The caller holds the subscription's lock.
create or replace function creditgate.expire_leases(subscription uuid)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  reservation creditgate.reservations;
begin
  for reservation in
    select r.* from creditgate.reservations r
    where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= clock_timestamp()
    order by r.id
  loop
    perform creditgate.expire(reservation);
  end loop;
end
$$;
revoke all on function creditgate.expire_leases(uuid) from public, anon, authenticated, service_role;

-- The subscription a request is about: that of its reservation once there is one, else the one its user spends from.
create or replace function creditgate.subscription_for(request jsonb)
returns uuid
language plpgsql volatile
set search_path = ''
as $$
begin
  return coalesce(
    (select r.subscription_id from creditgate.reservations r where r.id = (request ->> 'id')::uuid),
    case when request ? 'user' then creditgate.subscription_of((request ->> 'user')::uuid) end);
end
$$;
revoke all on function creditgate.subscription_for(jsonb) from public, anon, authenticated, service_role;

-- How every operation begins: lock the subscription, read the reservation again, and end it first if its lease is over.
-- reservation.id null: there is none.
create or replace function creditgate.hold(request jsonb, out subscription uuid, out reservation creditgate.reservations)
language plpgsql volatile
set search_path = ''
as $$
begin
  loop
    subscription := creditgate.subscription_for(request);
    if subscription is not null then
      perform creditgate.lock_subscription(subscription);
    end if;
    select r.* into reservation from creditgate.reservations r where r.id = (request ->> 'id')::uuid;
    -- It came to be in another subscription while this waited: wait for that one.
    exit when reservation.subscription_id is null or reservation.subscription_id = subscription;
  end loop;

  if reservation.id is not null and creditgate.expire(reservation) then
    select r.* into reservation from creditgate.reservations r where r.id = (request ->> 'id')::uuid;
  end if;
end
$$;
revoke all on function creditgate.hold(jsonb) from public, anon, authenticated, service_role;

-- Writes down what the ledger must know of a row it is about to change: its opening figure when it was never met
-- before, and what the end of a cycle takes away from it.
create or replace function creditgate.record_meeting(
  before creditgate.credit_row, after creditgate.credit_row, subscription uuid, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  if not before.met then
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    values (subscription, before.credit_type, before.id, before.cycle, 'opening', before.used, at_time);
  end if;
  if after.cycle <> before.cycle then
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    values (subscription, before.credit_type, before.id, before.cycle, 'reset', -before.used, at_time);
  end if;
end
$$;
revoke all on function creditgate.record_meeting(creditgate.credit_row, creditgate.credit_row, uuid, timestamptz) from public, anon, authenticated, service_role;

-- Writes the rows that something is drawn from, and what the ledger must know of them: draw() has said how.
create or replace function creditgate.write_drawn(
  subscription uuid, before creditgate.credit_row[], after creditgate.credit_row[], drawn boolean[], at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
begin
  for place in 1 .. cardinality(after) loop
    continue when not drawn[place];
    if not (before[place]).met or (after[place]).cycle <> (before[place]).cycle then
      perform creditgate.record_meeting(before[place], after[place], subscription, at_time);
    end if;
    perform creditgate.write_row(after[place]);
  end loop;
end
$$;
revoke all on function creditgate.write_drawn(uuid, creditgate.credit_row[], creditgate.credit_row[], boolean[], timestamptz) from public, anon, authenticated, service_role;

-- The amounts of a request about a reservation, by credit type: a plain number stands for the one type that was
-- reserved. Where several were, it is handed back as it came, and fits no check.
create or replace function creditgate.named_amounts(amounts jsonb, reservation creditgate.reservations)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  if jsonb_typeof(amounts) = 'number' and (select count(*) from jsonb_object_keys(reservation.amounts)) = 1 then
    return (select jsonb_build_object(k, amounts) from jsonb_object_keys(reservation.amounts) k);
  end if;
  return amounts;
end
$$;
revoke all on function creditgate.named_amounts(jsonb, creditgate.reservations) from public, anon, authenticated, service_role;

-- Draws in addition what a commit exceeds its open reservation by, where there is enough of every type; else changes
-- nothing. Returns the reservation as it then is. The caller holds the subscription's lock and has checked the amounts.
create or replace function creditgate.reserve_more(reservation creditgate.reservations, wanted jsonb)
returns creditgate.reservations
language plpgsql volatile
set search_path = ''
as $$
declare
  surplus jsonb;
  rows creditgate.credit_row[];
  now timestamptz;
  d record;
begin
  select jsonb_object_agg(a.key, (a.value::text::bigint - (reservation.amounts ->> a.key)::bigint)) into surplus
  from jsonb_each(wanted) a where a.value > reservation.amounts -> a.key;
  if surplus is null then return reservation; end if;

  select array_agg(l.*::creditgate.credit_row) into rows
  from (select w.credit_type from jsonb_object_keys(surplus) as w (credit_type) order by 1) w,
       creditgate.lock_rows(w.credit_type, reservation.subscription_id) l;
  now := clock_timestamp();
  d := creditgate.draw(surplus, null, rows, now);
  if d.short is not null then return reservation; end if;

  perform creditgate.write_drawn(reservation.subscription_id, d.before, d.after, d.drawn, now);
  update creditgate.reservations r
  set asked_for = coalesce(r.asked_for, r.amounts),
      amounts = (select jsonb_object_agg(m.key, greatest(m.value, wanted -> m.key)) from jsonb_each(r.amounts) m),
      -- One allocation for each row and cycle: a reversal counts what it has given back to it.
      allocations = array(
        select row(a.credit_type, a.row_id, a.cycle, sum(a.held), sum(a.kept))::creditgate.allocation
        from unnest(r.allocations || d.allocations) with ordinality as a (credit_type, row_id, cycle, held, kept, n)
        group by a.credit_type, a.row_id, a.cycle order by min(a.n))
  where r.id = reservation.id
  returning r.* into reservation;
  return reservation;
end
$$;
revoke all on function creditgate.reserve_more(creditgate.reservations, jsonb) from public, anon, authenticated, service_role;

-- What stands in the way of a new attempt at an idempotency key, as the answer to it; null: nothing does.
-- The caller holds the subscription's lock and has ended the leases that are over.
create or replace function creditgate.earlier_attempt(request jsonb, subscription uuid)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  earlier creditgate.reservations;
  response jsonb;
begin
  select r.* into earlier from creditgate.reservations r
  where r.subscription_id = subscription and r.idempotency_key = request #>> '{idempotency,key}'
  order by (r.state in ('open', 'committed')) desc, r.created_at desc limit 1;

  if not found then
    return null;
  elsif earlier.fingerprint <> request #>> '{idempotency,fingerprint}' then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'key_reused');
  elsif earlier.state = 'open' then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'in_progress',
      'endsIn', greatest(ceil(extract(epoch from earlier.lease_until - clock_timestamp())), 1)::integer);
  elsif earlier.state = 'committed' then
    select jsonb_build_object('status', s.status, 'headers', s.headers, 'body', replace(encode(s.body, 'base64'), E'\n', '')) into response
    from creditgate.responses s
    where s.reservation_id = earlier.id and s.user_id = (request ->> 'user')::uuid and s.stored_at > clock_timestamp() - interval '24 hours';
    return jsonb_build_object('id', request -> 'id', 'outcome', 'already_charged', 'reservation', earlier.id)
      || case when response is null then '{}' else jsonb_build_object('response', response) end;
  end if;
  return null;
end
$$;
revoke all on function creditgate.earlier_attempt(jsonb, uuid) from public, anon, authenticated, service_role;

-- Keeps a row's figures adding up when a reservation that drew from it is forgotten, and forgets with it what was
-- written down before `made_before` about cycles that are over. The caller holds the subscription's lock.
create or replace function creditgate.carry_over(subscription uuid, allocation creditgate.allocation, made_before timestamptz)
returns void
language plpgsql volatile
set search_path = ''
as $$
declare
  present_cycle constant integer := (select c.cycle from creditgate.credit_rows c
                                     where c.credit_type = allocation.credit_type and c.id = allocation.row_id);
begin
  if present_cycle = allocation.cycle and allocation.kept > 0 then
    update creditgate.adjustments a set amount = a.amount + allocation.kept
    where a.subscription_id = subscription and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id
      and a.cycle = allocation.cycle and a.kind = 'pruned';
    if not found then
      insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
      values (subscription, allocation.credit_type, allocation.row_id, allocation.cycle, 'pruned', allocation.kept, clock_timestamp());
    end if;
  end if;

  delete from creditgate.adjustments a
  where a.subscription_id = subscription and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id
    and a.cycle < present_cycle and a.kind <> 'opening' and a.made_at < made_before
    -- What was reversed of a reservation is told by these, for as long as it can be reversed.
    and not exists (select from creditgate.reservations r where r.id = a.reservation_id);
end
$$;
revoke all on function creditgate.carry_over(uuid, creditgate.allocation, timestamptz) from public, anon, authenticated, service_role;

-- Holds credits for one call, all or nothing: {"id", "user", "amounts": {"ai": 2}, "lease": 60, "idempotency"?: {"key", "fingerprint"}}.
--   "least"?: {"ai": 1}  what is left will do for that type, but no less
--   "session"?: "<uuid>" only while this session of the user's exists
--   "dryRun"?: true      answers as it would, and holds nothing
create or replace function creditgate.reserve(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  wanted constant jsonb := request -> 'amounts';
  now timestamptz;
  subscription uuid;
  held record;
  reservation creditgate.reservations;
  rows creditgate.credit_row[];
  after creditgate.credit_row[];
  granted jsonb;
  d record;
  wanted_type text;
  earlier jsonb;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_lease(request -> 'lease') then return creditgate.invalid(request, 'lease must be 1 to 900 whole seconds'); end if;
  if not creditgate.is_amounts(wanted) then return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type'); end if;
  select w.credit_type into wanted_type from jsonb_object_keys(wanted) as w (credit_type)
  where not exists (select from creditgate.credit_types t where t.name = w.credit_type) limit 1;
  if found then return creditgate.invalid(request, format('there is no credit type "%s"', wanted_type)); end if;
  if request ? 'idempotency' and not (creditgate.is_key(request #> '{idempotency,key}') and creditgate.is_key(request #> '{idempotency,fingerprint}')) then
    return creditgate.invalid(request, 'idempotency must give a key and a fingerprint of 1 to 200 characters');
  end if;
  if request ? 'least' and not creditgate.is_amounts(request -> 'least') then
    return creditgate.invalid(request, 'least must give a whole number of 0 to 2147483647 for each credit type');
  end if;
  if request ? 'session' then
    if not creditgate.is_uuid(request -> 'session') then return creditgate.invalid(request, 'session must be a UUID'); end if;
    if not creditgate.session_stands((request ->> 'user')::uuid, (request ->> 'session')::uuid) then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'session_over');
    end if;
  end if;

  held := creditgate.hold(request);
  subscription := held.subscription;
  reservation := held.reservation;

  if reservation.id is not null then
    -- A tombstone has no user: whatever the request was, it was given up before it arrived.
    if reservation.user_id is not null
       and (reservation.user_id <> (request ->> 'user')::uuid or coalesce(reservation.asked_for, reservation.amounts) <> wanted) then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', reservation.state);
    end if;
    if reservation.state <> 'open' then
      return jsonb_build_object('id', reservation.id, 'outcome', reservation.state)
        || case when reservation.state = 'committed' then jsonb_build_object('amounts', creditgate.kept_amounts(reservation)) else '{}' end;
    end if;
  elsif subscription is null then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'no_subscription');
  else
    if exists (select from creditgate.reservations r
               where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= clock_timestamp()) then
      perform creditgate.expire_leases(subscription);
    end if;
    if exists (select from creditgate.reservations r
               where r.subscription_id = subscription and r.state = 'open' offset 1000 - 1) then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'too_many_open', 'most', 1000);
    end if;
    if request ? 'idempotency' then
      earlier := creditgate.earlier_attempt(request, subscription);
      if earlier is not null then return earlier; end if;
    end if;
  end if;

  -- Every row of every type is locked, in one order, before the time is read and anything is decided.
  select array_agg(l.*::creditgate.credit_row) into rows
  from (select w.credit_type from jsonb_object_keys(wanted) as w (credit_type) order by 1) w,
       creditgate.lock_rows(w.credit_type, subscription) l;
  now := clock_timestamp();

  if reservation.id is null then
    d := creditgate.draw(wanted, request -> 'least', rows, now);
    after := d.after;
    granted := d.granted;
    if d.short is not null then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'insufficient', 'creditType', d.short,
        'required', coalesce(request -> 'least' -> d.short, wanted -> d.short), 'available', d.available,
        'resetsAt', creditgate.balances(after, now) -> d.short -> 'resetsAt');
    elsif request -> 'dryRun' = 'true' then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'reserved', 'subscription', subscription,
        'amounts', granted, 'balances', creditgate.balances(after, now));
    end if;

    insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at,
                                         idempotency_key, fingerprint, asked_for)
    values ((request ->> 'id')::uuid, subscription, (request ->> 'user')::uuid, 'open', granted, d.allocations,
            now + make_interval(secs => (request ->> 'lease')::integer), now,
            request #>> '{idempotency,key}', request #>> '{idempotency,fingerprint}', case when granted <> wanted then wanted end)
    on conflict (id) do nothing;
    -- The id came to be meanwhile where our lock does not reach: a tombstone without a subscription, or another user's.
    -- Nothing has been drawn yet; asked again, it is there to be read.
    if not found then return creditgate.reserve(request); end if;

    perform creditgate.write_drawn(subscription, d.before, after, d.drawn, now);
  else
    granted := reservation.amounts;
    select array_agg(creditgate.roll(c::creditgate.credit_row, now)) into after from unnest(rows) c;
  end if;

  return jsonb_build_object('id', request -> 'id', 'outcome', 'reserved', 'subscription', subscription,
    'amounts', granted, 'balances', creditgate.balances(after, now));
end
$$;
revoke all on function creditgate.reserve(jsonb) from public, anon, authenticated, service_role;

-- Keeps what a call used and gives the rest back: {"id", "user"?, "amounts"?: {"ai": 1}}, or a plain
-- number where a single type was reserved. No amounts: everything.
--   "more"?: true        what exceeds the reservation is drawn in addition where there is enough, else not charged: the answer tells
--   "response"?: {...}   kept for a repeated request under the same idempotency key
create or replace function creditgate.commit(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  amounts jsonb := nullif(request -> 'amounts', 'null');
  held record;
  reservation creditgate.reservations;
  more constant boolean := request -> 'more' = 'true';
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'response' and not creditgate.is_response(request -> 'response') then
    return creditgate.invalid(request, 'response must give a status, headers and a body in base64');
  end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;

  held := creditgate.hold(request);
  reservation := held.reservation;

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state in ('refunded', 'expired') then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  amounts := coalesce(creditgate.named_amounts(amounts, reservation), reservation.amounts);
  if amounts = reservation.amounts then
    null; -- Everything, which needs no check.
  elsif not creditgate.is_amounts(amounts) then
    return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(amounts) k where not reservation.amounts ? k)
     or exists (select from jsonb_object_keys(reservation.amounts) k where not amounts ? k) then
    return creditgate.invalid(request, 'amounts must name the credit types that were reserved, each of them');
  end if;

  if more then
    if reservation.state = 'open' then reservation := creditgate.reserve_more(reservation, amounts); end if;
    select jsonb_object_agg(a.key, least(a.value, reservation.amounts -> a.key)) into amounts from jsonb_each(amounts) a;
  end if;

  if reservation.state = 'committed' then
    if amounts <> creditgate.kept_amounts(reservation) then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'committed',
        'amounts', creditgate.kept_amounts(reservation));
    end if;
  elsif amounts <> reservation.amounts and exists (select from jsonb_each(amounts) a where a.value > reservation.amounts -> a.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reservation.amounts);
  else
    perform creditgate.end_reservation(reservation, 'committed', amounts, clock_timestamp());
    if request ? 'response' and reservation.idempotency_key is not null then
      insert into creditgate.responses (reservation_id, subscription_id, user_id, status, headers, body, stored_at)
      values (reservation.id, reservation.subscription_id, reservation.user_id, (request #>> '{response,status}')::integer,
              request #> '{response,headers}', decode(request #>> '{response,body}', 'base64'), clock_timestamp())
      on conflict (reservation_id) do nothing;
    end if;
  end if;
  return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', amounts);
end
$$;
revoke all on function creditgate.commit(jsonb) from public, anon, authenticated, service_role;

-- Gives back all that a reservation holds: {"id", "user"?}. An id not seen yet becomes a tombstone, so that a reserve
-- that was given up and arrives later holds nothing.
create or replace function creditgate.refund(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  subscription uuid;
  held record;
  reservation creditgate.reservations;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;

  loop
    held := creditgate.hold(request);
    subscription := held.subscription;
    reservation := held.reservation;
    exit when reservation.id is not null;
    insert into creditgate.reservations (id, subscription_id, state, amounts, allocations, created_at, ended_at)
    values ((request ->> 'id')::uuid, subscription, 'refunded', '{}', '{}', clock_timestamp(), clock_timestamp())
    on conflict (id) do nothing;
    if found then
      return jsonb_build_object('id', request -> 'id', 'outcome', 'refunded');
    end if;
  end loop;

  if reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', creditgate.kept_amounts(reservation));
  elsif reservation.state = 'open' then
    perform creditgate.end_reservation(reservation, 'refunded', '{}', clock_timestamp());
    return jsonb_build_object('id', reservation.id, 'outcome', 'refunded');
  end if;
  return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
end
$$;
revoke all on function creditgate.refund(jsonb) from public, anon, authenticated, service_role;

-- Renews a lease, and writes down what has been delivered so far: {"id", "user"?, "lease": 60, "reported"?: {"ai": 1}, "atLeast"?: true}.
-- The lease is set from now, never added up; atLeast: unless that would shorten it, for a heartbeat that may arrive after
-- the reservation was handed to a job with a longer one. What is reported only grows, and turns the lease's end from a refund
-- into a commit of that amount.
create or replace function creditgate.extend(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  delivered jsonb := nullif(request -> 'reported', 'null');
  held record;
  reservation creditgate.reservations;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_lease(request -> 'lease') then return creditgate.invalid(request, 'lease must be 1 to 900 whole seconds'); end if;

  held := creditgate.hold(request);
  reservation := held.reservation;

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'committed', 'amounts', creditgate.kept_amounts(reservation));
  elsif reservation.state <> 'open' then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  delivered := creditgate.named_amounts(delivered, reservation);
  if delivered is not null and not creditgate.is_amounts(delivered) then
    return creditgate.invalid(request, 'reported must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(delivered) k where not reservation.amounts ? k) then
    return creditgate.invalid(request, 'reported names a credit type that was not reserved');
  elsif exists (select from jsonb_each(delivered) e where e.value > reservation.amounts -> e.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reservation.amounts);
  end if;

  if delivered is not null then
    select jsonb_object_agg(k, greatest((reservation.reported ->> k)::bigint, (delivered ->> k)::bigint, 0)) into delivered
    from jsonb_object_keys(reservation.amounts) k;
  end if;
  update creditgate.reservations
  set lease_until = greatest(clock_timestamp() + make_interval(secs => (request ->> 'lease')::integer),
                             case when request -> 'atLeast' = 'true' then lease_until end),
      reported = coalesce(delivered, reported)
  where id = reservation.id;
  return jsonb_build_object('id', reservation.id, 'outcome', 'extended', 'reported', coalesce(delivered, reservation.reported));
end
$$;
revoke all on function creditgate.extend(jsonb) from public, anon, authenticated, service_role;

-- Gives credits back after a commit: {"id", "key", "user"?, "amounts"?: {"ai": 1}}, or a plain number where a single type
-- was reserved. No amounts: all that is not reversed yet. An act of its own: what was committed stays committed, and a
-- row that has begun a new cycle since gets nothing.
create or replace function creditgate.reverse(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  asked jsonb := nullif(request -> 'amounts', 'null');
  held record;
  reservation creditgate.reservations;
  done creditgate.acts;
  reversible jsonb;
  left_to_reverse jsonb;
  returned jsonb;
  allocation creditgate.allocation;
  amount integer;
  answer jsonb;
  now timestamptz;
begin
  if not creditgate.is_uuid(request -> 'id') then return creditgate.invalid(request, 'id must be a UUID'); end if;
  if request ? 'user' and not creditgate.is_uuid(request -> 'user') then return creditgate.invalid(request, 'user must be a UUID'); end if;
  if not creditgate.is_key(request -> 'key') then return creditgate.invalid(request, 'key must be a string of 1 to 200 characters'); end if;

  held := creditgate.hold(request);
  reservation := held.reservation;

  if reservation.id is null or reservation.user_id <> (request ->> 'user')::uuid then
    return jsonb_build_object('id', request -> 'id', 'outcome', 'not_found');
  elsif reservation.state = 'open' then
    return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'open');
  elsif reservation.state <> 'committed' then
    return jsonb_build_object('id', reservation.id, 'outcome', reservation.state);
  end if;

  asked := creditgate.named_amounts(asked, reservation);
  if asked is not null and not creditgate.is_amounts(asked) then
    return creditgate.invalid(request, 'amounts must give a whole number of 0 to 2147483647 for each credit type');
  elsif exists (select from jsonb_object_keys(asked) k where not reservation.amounts ? k) then
    return creditgate.invalid(request, 'amounts names a credit type that was not reserved');
  end if;

  select a.* into done from creditgate.acts a
  where a.subscription_id = reservation.subscription_id and a.kind = 'reversal'
    and a.subject = reservation.id::text and a.key = request ->> 'key';
  if found then
    if done.asked is distinct from asked then
      return jsonb_build_object('id', reservation.id, 'outcome', 'conflict', 'state', 'committed', 'amounts', done.answer -> 'amounts');
    end if;
    return done.answer;
  end if;

  select jsonb_object_agg(k.credit_type, (creditgate.kept_amounts(reservation) ->> k.credit_type)::bigint
           + coalesce((select sum(a.amount) from creditgate.adjustments a
                       where a.reservation_id = reservation.id and a.kind = 'reversal' and a.credit_type = k.credit_type), 0))
  into reversible
  from jsonb_object_keys(reservation.amounts) as k (credit_type);
  if exists (select from jsonb_each(asked) a where a.value > reversible -> a.key) then
    return jsonb_build_object('id', reservation.id, 'outcome', 'exceeds', 'amounts', reversible);
  end if;

  left_to_reverse := coalesce(asked, reversible);
  select jsonb_object_agg(k, 0) into returned from jsonb_object_keys(left_to_reverse) k;
  now := clock_timestamp();
  for position in reverse cardinality(reservation.allocations) .. 1 loop
    allocation := reservation.allocations[position];
    -- A type that is not asked for has nothing to reverse: least() passes over null.
    amount := least(
      coalesce((left_to_reverse ->> allocation.credit_type)::bigint, 0),
      allocation.kept + coalesce((select sum(a.amount) from creditgate.adjustments a
                                  where a.reservation_id = reservation.id and a.kind = 'reversal'
                                    and a.credit_type = allocation.credit_type and a.row_id = allocation.row_id and a.cycle = allocation.cycle), 0));
    continue when amount = 0;
    left_to_reverse := left_to_reverse || jsonb_build_object(
      allocation.credit_type, (left_to_reverse ->> allocation.credit_type)::bigint - amount);
    if creditgate.give_back(allocation.credit_type, allocation.row_id, allocation.cycle, amount) then
      returned := returned || jsonb_build_object(allocation.credit_type, (returned ->> allocation.credit_type)::bigint + amount);
    end if;
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at, reservation_id)
    values (reservation.subscription_id, allocation.credit_type, allocation.row_id, allocation.cycle, 'reversal', -amount, now, reservation.id);
  end loop;

  answer := jsonb_build_object('id', reservation.id, 'outcome', 'reversed', 'amounts', coalesce(asked, reversible), 'returned', returned);
  insert into creditgate.acts (subscription_id, kind, subject, key, asked, answer, made_at)
  values (reservation.subscription_id, 'reversal', reservation.id::text, request ->> 'key', asked, answer, now);
  return answer;
end
$$;
revoke all on function creditgate.reverse(jsonb) from public, anon, authenticated, service_role;

-- Begins a new cycle for a subscription's credits of one type, once for a key: {"subscription", "creditType", "key"}. For a
-- billing webhook, which may be delivered twice. Rows that never reset (top-ups) are left alone.
create or replace function creditgate.reset(request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  asked_type constant text := request ->> 'creditType';
  subscription uuid;
  answer jsonb;
  rows creditgate.credit_row[];
  credit creditgate.credit_row;
  after creditgate.credit_row;
  now timestamptz;
  count integer := 0;
begin
  if not creditgate.is_uuid(request -> 'subscription') then return creditgate.invalid(request, 'subscription must be a UUID'); end if;
  if not creditgate.is_key(request -> 'key') then return creditgate.invalid(request, 'key must be a string of 1 to 200 characters'); end if;
  if not exists (select from creditgate.credit_types t where t.name = asked_type) then
    return creditgate.invalid(request, format('there is no credit type "%s"', asked_type));
  end if;

  subscription := (request ->> 'subscription')::uuid;
  perform creditgate.lock_subscription(subscription);
  select a.answer into answer from creditgate.acts a
  where a.subscription_id = subscription and a.kind = 'reset' and a.subject = asked_type and a.key = request ->> 'key';
  if found then
    return answer;
  elsif not creditgate.is_subscription(subscription) then
    return jsonb_build_object('subscription', subscription, 'outcome', 'not_found');
  end if;

  select array_agg(l.*::creditgate.credit_row) into rows from creditgate.lock_rows(asked_type, subscription) l;
  now := clock_timestamp();
  foreach credit in array coalesce(rows, '{}') loop
    continue when creditgate.resets_at(credit) is null;
    after := creditgate.roll(credit, now);
    after.used := 0;
    after.cycle := after.cycle + 1;
    after.cyclestart := now;
    perform creditgate.record_meeting(credit, after, subscription, now);
    perform creditgate.write_row(after);
    count := count + 1;
  end loop;

  answer := jsonb_build_object('subscription', subscription, 'outcome', 'reset', 'creditType', asked_type, 'rows', count);
  insert into creditgate.acts (subscription_id, kind, subject, key, answer, made_at)
  values (subscription, 'reset', asked_type, request ->> 'key', answer, now);
  return answer;
end
$$;
revoke all on function creditgate.reset(jsonb) from public, anon, authenticated, service_role;

-- One bounded step of what any operation does for its own subscription: ends leases that are over, closes cycles that are
-- over. {"most"?: 500}. Nothing depends on it; it is for those who read the tables without us. It waits for nobody: what
-- is locked is left for the next time.
create or replace function creditgate.sweep(request jsonb default '{}')
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  most constant integer := coalesce((case when creditgate.is_bound(request -> 'most', 1000) then request ->> 'most' end)::integer, 500);
  candidate record;
  reservation creditgate.reservations;
  locked record;
  after creditgate.credit_row;
  expired integer := 0;
  cycles integer := 0;
  forgotten integer;
  bounded boolean := false;
  now timestamptz;
begin
  if not creditgate.is_bound(request -> 'most', 1000) then return creditgate.invalid(request, 'most must be a whole number of 1 to 1000'); end if;

  for candidate in
    select distinct r.subscription_id from creditgate.reservations r
    where r.state = 'open' and r.lease_until <= clock_timestamp() limit most
  loop
    continue when not creditgate.try_lock_subscription(candidate.subscription_id);
    for reservation in
      select r.* from creditgate.reservations r
      where r.subscription_id = candidate.subscription_id and r.state = 'open' and r.lease_until <= clock_timestamp()
      order by r.id limit most - expired
    loop
      continue when exists (select from unnest(reservation.allocations) a
                            where not (creditgate.try_lock_row(a.credit_type, a.row_id)).free);
      if creditgate.expire(reservation) then expired := expired + 1; end if;
    end loop;
    bounded := expired >= most;
    exit when bounded;
  end loop;

  for candidate in select d.* from creditgate.due_rows d limit most - expired loop
    continue when not creditgate.try_lock_subscription(candidate.subscription_id);
    locked := creditgate.try_lock_row(candidate.credit_type, candidate.id);
    now := clock_timestamp();
    after := creditgate.roll(locked.credit, now);
    continue when after.cycle is not distinct from (locked.credit).cycle;
    perform creditgate.record_meeting(locked.credit, after, candidate.subscription_id, now);
    perform creditgate.write_row(after);
    cycles := cycles + 1;
  end loop;

  -- Kept responses that are too old to be sent. What someone else is deleting is left to them.
  with old as (
    select s.reservation_id from creditgate.responses s
    where s.stored_at <= clock_timestamp() - interval '24 hours' order by s.stored_at limit most for update skip locked
  )
  delete from creditgate.responses s using old where s.reservation_id = old.reservation_id;
  get diagnostics forgotten = row_count;

  return jsonb_build_object('outcome', 'swept', 'expired', expired, 'cycles', cycles, 'more', bounded or expired + cycles >= most or forgotten = most);
end
$$;
revoke all on function creditgate.sweep(jsonb) from public, anon, authenticated, service_role;

-- One bounded step of forgetting: deletes reservations that ended long ago, oldest first. {"olderThanDays"?: 90, "most"?: 500}.
-- What they keep in a row's present cycle is carried over into one adjustment, so that the row's figures go on adding up.
-- After it, their ids, reversal keys and idempotency keys are as if never seen.
create or replace function creditgate.prune(request jsonb default '{}')
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
declare
  most constant integer := coalesce((case when creditgate.is_bound(request -> 'most', 1000) then request ->> 'most' end)::integer, 500);
  days constant integer := coalesce((case when creditgate.is_bound(request -> 'olderThanDays', 3650) then request ->> 'olderThanDays' end)::integer, 90);
  ended_before constant timestamptz := clock_timestamp() - make_interval(secs => days * 86400.0);
  reservation creditgate.reservations;
  allocation creditgate.allocation;
  pruned integer := 0;
begin
  if not creditgate.is_bound(request -> 'most', 1000) then return creditgate.invalid(request, 'most must be a whole number of 1 to 1000'); end if;
  if not creditgate.is_bound(request -> 'olderThanDays', 3650) then return creditgate.invalid(request, 'olderThanDays must be a whole number of 1 to 3650'); end if;

  for reservation in
    select r.* from creditgate.reservations r
    where r.state <> 'open' and r.ended_at < ended_before
    order by r.ended_at limit most
  loop
    continue when reservation.subscription_id is not null and not creditgate.try_lock_subscription(reservation.subscription_id);
    -- An ended reservation never changes; another prune may have taken it before the lock was ours.
    delete from creditgate.reservations r where r.id = reservation.id;
    continue when not found;
    delete from creditgate.responses s where s.reservation_id = reservation.id;
    delete from creditgate.acts a
    where a.subscription_id = reservation.subscription_id and a.kind = 'reversal' and a.subject = reservation.id::text;
    foreach allocation in array reservation.allocations loop
      perform creditgate.carry_over(reservation.subscription_id, allocation, ended_before);
    end loop;
    pruned := pruned + 1;
  end loop;
  return jsonb_build_object('outcome', 'pruned', 'pruned', pruned, 'more', pruned = most);
end
$$;
revoke all on function creditgate.prune(jsonb) from public, anon, authenticated, service_role;

create or replace function creditgate.answer(operation text, request jsonb)
returns jsonb
language plpgsql volatile
set search_path = ''
as $$
begin
  return case operation
    when 'reserve' then creditgate.reserve(request)
    when 'commit' then creditgate.commit(request)
    when 'refund' then creditgate.refund(request)
    when 'extend' then creditgate.extend(request)
    when 'reverse' then creditgate.reverse(request)
    when 'reset' then creditgate.reset(request)
    when 'sweep' then creditgate.sweep(request)
    when 'prune' then creditgate.prune(request)
  end;
end
$$;
revoke all on function creditgate.answer(text, jsonb) from public, anon, authenticated, service_role;

-- Answers an array of requests in order. Each element stands alone: what is refused or fails in one of them is undone
-- for that one and changes nothing for the others.
create or replace function creditgate.answer_each(operation text, requests jsonb)
returns json
language plpgsql volatile
set search_path = ''
as $$
declare
  answers text[];
  request jsonb;
  subscriptions uuid[];
  busy uuid[];
  place integer;
begin
  if coalesce(jsonb_typeof(requests), '') <> 'array' or jsonb_array_length(requests) not between 1 and 1000 then
    raise exception 'creditgate: requests must be an array of 1 to 1000 requests' using errcode = '22023';
  end if;
  -- Under a snapshot that is older than the lock, what is read after the lock is not what is there.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'creditgate: call this at isolation level read committed, not %', current_setting('transaction_isolation')
      using errcode = '25001';
  end if;

  if jsonb_array_length(requests) = 1 then
    return ('[' || creditgate.answer(operation, requests -> 0)::text || ']')::json;
  end if;

  -- All subscriptions are locked before any element is answered, in one order for every caller. Elements of one
  -- subscription are answered in the order of the array.
  begin
    if operation = 'reserve' then
      select a.answers, a.subscriptions, a.busy into answers, subscriptions, busy from creditgate.reserve_all(requests) a;
    elsif operation in ('commit', 'refund') then
      select a.answers, a.subscriptions, a.busy into answers, subscriptions, busy from creditgate.settle_all(operation, requests) a;
    end if;
  exception when others then
    answers := null; -- One of them is malformed, or in someone's hands. Which one shows when each is answered by itself.
  end;
  if answers is null then
    answers := array_fill(null::text, array[jsonb_array_length(requests)]);
    subscriptions := creditgate.subscriptions_about(requests);
    busy := creditgate.lock_subscriptions(subscriptions);
  end if;

  foreach place in array array_positions(answers, null) loop
    request := requests -> (place - 1);
    begin
      if subscriptions[place] = any (busy) then
        raise exception 'creditgate: the subscription is busy' using errcode = 'lock_not_available';
      end if;
      perform set_config('lock_timeout', '250ms', true);
      answers[place] := creditgate.answer(operation, request)::text;
    exception when others then
      answers[place] := (creditgate.echo(request) || jsonb_build_object('outcome', 'failed', 'code', sqlstate))::text;
      -- Who is stuck once is stuck for the rest of this array.
      if sqlstate = '55P03' then busy := busy || subscriptions[place]; end if;
    end;
  end loop;
  return ('[' || array_to_string(answers, ',') || ']')::json;
end
$$;
revoke all on function creditgate.answer_each(text, jsonb) from public, anon, authenticated, service_role;

create or replace function public.creditgate_reserve(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('reserve', requests);
end
$$;
revoke all on function public.creditgate_reserve(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_reserve(jsonb) to service_role;

create or replace function public.creditgate_commit(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('commit', requests);
end
$$;
revoke all on function public.creditgate_commit(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_commit(jsonb) to service_role;

create or replace function public.creditgate_refund(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('refund', requests);
end
$$;
revoke all on function public.creditgate_refund(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_refund(jsonb) to service_role;

create or replace function public.creditgate_extend(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('extend', requests);
end
$$;
revoke all on function public.creditgate_extend(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_extend(jsonb) to service_role;

create or replace function public.creditgate_reverse(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('reverse', requests);
end
$$;
revoke all on function public.creditgate_reverse(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_reverse(jsonb) to service_role;

create or replace function public.creditgate_reset(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('reset', requests);
end
$$;
revoke all on function public.creditgate_reset(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_reset(jsonb) to service_role;

create or replace function public.creditgate_sweep(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('sweep', requests);
end
$$;
revoke all on function public.creditgate_sweep(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_sweep(jsonb) to service_role;

create or replace function public.creditgate_prune(requests jsonb)
returns json
language plpgsql volatile security definer
set search_path = ''
set lock_timeout = '2s'
set statement_timeout = '5s'
as $$
begin
  return creditgate.answer_each('prune', requests);
end
$$;
revoke all on function public.creditgate_prune(jsonb) from public, anon, authenticated, service_role;
grant execute on function public.creditgate_prune(jsonb) to service_role;

-- What the guard asks once before it trusts the database: the schema's version and the credit types it knows.
create or replace function public.creditgate_version()
returns jsonb
language plpgsql volatile security definer
set search_path = ''
as $$
begin
  return jsonb_build_object(
    'version', (select max(v.version) from creditgate.schema_versions v),
    'creditTypes', (select coalesce(jsonb_agg(t.name order by t.name), '[]') from creditgate.credit_types t));
end
$$;
revoke all on function public.creditgate_version() from public, anon, authenticated, service_role;
grant execute on function public.creditgate_version() to service_role;

-- For the browser: await supabase.rpc('creditgate_balance'). With the caller's own rights, so that a linter sees no
-- definer function among the exposed ones.
create or replace function public.creditgate_balance()
returns jsonb
language plpgsql stable security invoker
set search_path = ''
as $$
begin
  return creditgate.own_balance();
end
$$;
revoke all on function public.creditgate_balance() from public, anon, authenticated, service_role;
grant execute on function public.creditgate_balance() to authenticated;

-- What a set of credit rows has left, by credit type:
--   {"ai": {"remaining": 97, "resetsIn": 86400, "resetsAt": "2026-01-31T00:00:00Z"}}
-- remaining null: unlimited. resetsIn (whole seconds, rounded up) and resetsAt null: no row of the type ever resets.
create or replace function creditgate.balances(rows creditgate.credit_row[], at_time timestamptz)
returns jsonb
language plpgsql immutable
set search_path = ''
as $$
begin
  return coalesce((
    select jsonb_object_agg(t.credit_type, jsonb_build_object(
             'remaining', case when t.unlimited then null else t.remaining end,
             'resetsIn', ceil(extract(epoch from t.resets - at_time))::bigint,
             'resetsAt', to_char(t.resets at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))
    from (select c.credit_type,
                 bool_or(c.allotted is null) as unlimited,
                 sum(creditgate.headroom(c::creditgate.credit_row)) as remaining,
                 min(creditgate.resets_at(c::creditgate.credit_row)) as resets
          from unnest(rows) c
          group by c.credit_type) t
  ), '{}');
end
$$;
revoke all on function creditgate.balances(creditgate.credit_row[], timestamptz) from public, anon, authenticated, service_role;

-- What a subscription can spend now, by credit type, as a reserve would see it: cycles that are over count as closed,
-- and leases that are over as ended. Reads only.
create or replace function creditgate.balance_of(subscription uuid)
returns jsonb
language plpgsql stable
set search_path = ''
as $$
declare
  now constant timestamptz := clock_timestamp();
begin
  return creditgate.balances((
    select array_agg(creditgate.roll(
      row(c.credit_type, c.id, c.allotted,
          case when c.used < ending.amount then 0 else c.used - ending.amount end,
          c.resetindays, c.cycle, c.cyclestart, true)::creditgate.credit_row, now))
    from creditgate.credit_rows c
    cross join lateral (
      select coalesce(sum(a.held), 0)::integer as amount
      from creditgate.reservations r, unnest(r.allocations) a
      where r.subscription_id = subscription and r.state = 'open' and r.lease_until <= now and r.reported is null
        and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle) ending
    where c.subscription_id = subscription), now);
end
$$;
revoke all on function creditgate.balance_of(uuid) from public, anon, authenticated, service_role;

-- The balance of the signed-in user, known from the verified claims that the Data API sets for the transaction.
-- The only thing of ours that a user's own token reaches.
create or replace function creditgate.own_balance()
returns jsonb
language plpgsql stable security definer
set search_path = ''
as $$
declare
  claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
  subscription uuid;
begin
  if not creditgate.is_uuid(claims -> 'sub') then
    return '{}'::jsonb;
  end if;
  subscription := creditgate.subscription_of((claims ->> 'sub')::uuid);
  return case when subscription is null then '{}'::jsonb else creditgate.balance_of(subscription) end;
end
$$;
revoke all on function creditgate.own_balance() from public, anon, authenticated, service_role;
grant execute on function creditgate.own_balance() to authenticated;

-- One row for each credit row that a reservation drew from.
create or replace view creditgate.allocations with (security_invoker = true) as
select r.id as reservation_id, r.subscription_id, r.state, a.credit_type, a.row_id, a.cycle, a.held, a.kept
from creditgate.reservations r, unnest(r.allocations) a;
revoke all on table creditgate.allocations from public, anon, authenticated, service_role;

-- The rows whose figures do not add up: none, while only the library writes them.
--   unbalanced    `used` is not what the ledger accounts for in the row's present cycle; difference is what another
--                 writer added to it (negative: took away)
--   over_allotted `used` has passed `allotted`, and not because the row began that way
create or replace view creditgate.violations with (security_invoker = true) as
select v.kind, f.credit_type, f.id as row_id, f.subscription_id, f.cycle, f.allotted, f.used, f.expected, f.used - f.expected as difference
from (
  select c.*,
         coalesce((select sum(a.amount) from creditgate.adjustments a
                   where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle), 0)
         + coalesce(held.kept, 0) as expected,
         coalesce(held.kept, 0)
         + coalesce((select sum(a.amount) from creditgate.adjustments a
                     where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.cycle = c.cycle
                       and a.kind = 'pruned'), 0) as kept
  from creditgate.credit_rows c
  left join (select a.subscription_id, a.credit_type, a.row_id, a.cycle, sum(a.kept) as kept
             from creditgate.allocations a group by 1, 2, 3, 4) held
    on held.subscription_id = c.subscription_id and held.credit_type = c.credit_type and held.row_id = c.id and held.cycle = c.cycle
  where exists (select from creditgate.adjustments a
                where a.subscription_id = c.subscription_id and a.credit_type = c.credit_type and a.row_id = c.id and a.kind = 'opening')
) f
cross join lateral (values
  ('unbalanced', f.used <> f.expected),
  ('over_allotted', f.used > f.allotted and f.kept > 0)
) as v (kind, holds)
where v.holds;
revoke all on table creditgate.violations from public, anon, authenticated, service_role;

-- Locks subscriptions in one order for every caller, and returns those it could not get. All in all it waits a quarter of a
-- second for someone who is stuck: the others of an array wait no longer than that for one of them.
create or replace function creditgate.lock_subscriptions(subscriptions uuid[])
returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  subscription uuid;
  busy uuid[] := array[]::uuid[];
begin
  perform set_config('lock_timeout', '250ms', true);
  begin
    -- The lock of lock_subscription(), without a call for each of hundreds.
    perform count(pg_advisory_xact_lock(hashtextextended('creditgate:' || s.id, 0)))
    from (select distinct d.id from unnest(subscriptions) as d (id) where d.id is not null order by 1) s;
    return busy;
  exception when lock_not_available then
    null; -- One of them is stuck: take the rest, without waiting again.
  end;
  for subscription in select distinct s.id from unnest(subscriptions) as s (id) where s.id is not null order by 1 loop
    if not creditgate.try_lock_subscription(subscription) then busy := busy || subscription; end if;
  end loop;
  return busy;
end
$$;
revoke all on function creditgate.lock_subscriptions(uuid[]) from public, anon, authenticated, service_role;

-- subscription_of() for many users, by position; null where a user has no active subscription. While that function is as
-- generated, its query is asked here without it; once it is edited, it is called for each user.
do $migration$
declare
  user_type constant text := (select format_type(a.atttypid, a.atttypmod) from pg_catalog.pg_attribute a
                              where a.attrelid = to_regclass('"public"."UserProfileSubscription"') and a.attname = 'userid');
begin
  execute replace(replace($function$
create or replace function creditgate.subscriptions_of_users(spenders uuid[])
returns uuid[]
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $body$
begin
  if exists (select from pg_catalog.pg_proc p
             where p.oid = 'creditgate.subscription_of(uuid)'::regprocedure and md5(p.prosrc) = '@generated@') then
    return (
      with spending as materialized (
        select u.spender, (
          select s.id
          from "public"."UserProfileSubscription" s
          where s."userid" = u.spender::@user_type@ and s."status"::text in ('active', 'trialing')
          order by s.id
          limit 1
        ) as subscription
        from (select distinct d.spender from unnest(spenders) as d (spender)) u
      )
      select array_agg(s.subscription order by e.n)
      from unnest(spenders) with ordinality as e (spender, n)
      left join spending s on s.spender = e.spender
    );
  end if;
  return (
    with spending as materialized (
      select u.spender, creditgate.subscription_of(u.spender) as subscription
      from (select distinct d.spender from unnest(spenders) as d (spender) where d.spender is not null) u
    )
    select array_agg(s.subscription order by e.n)
    from unnest(spenders) with ordinality as e (spender, n)
    left join spending s on s.spender = e.spender
  );
end
$body$
$function$, '@user_type@', user_type), '@generated@',
    coalesce((select md5(p.prosrc) from pg_catalog.pg_proc p
              where p.oid = to_regprocedure('creditgate.subscription_of(uuid)')
                and md5(p.prosrc) = substring(obj_description(p.oid, 'pg_proc') from 'generated ([0-9a-f]{32})')), 'edited'));
end
$migration$;
revoke all on function creditgate.subscriptions_of_users(uuid[]) from public, anon, authenticated, service_role;

-- lock_rows() for many subscriptions at once, waiting for nobody.
-- Raises lock_not_available where another writer holds one of the rows.
create or replace function creditgate.lock_rows_of(type_name text, subscriptions uuid[])
returns table (subscription uuid, id uuid, allotted integer, used integer, resetindays integer, cycle integer, cyclestart timestamptz, met boolean)
language plpgsql volatile
set search_path = ''
set enable_seqscan = off
set jit = off
as $$
declare
  locked bigint;
  present bigint;
begin
  case type_name
    when 'ai' then
      return query
        select c.subscriptionid, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = c.subscriptionid and a.credit_type = 'ai' and a.row_id = c.id and a.kind = 'opening')
        from "public"."AICredits" c
        where c.subscriptionid = any (subscriptions)
        order by c.id
        for no key update of c skip locked;
      get diagnostics locked = row_count;
      select count(*) into present from "public"."AICredits" c where c.subscriptionid = any (subscriptions);
    when 'lead' then
      return query
        select c.subscriptionid, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = c.subscriptionid and a.credit_type = 'lead' and a.row_id = c.id and a.kind = 'opening')
        from "public"."LeadCredits" c
        where c.subscriptionid = any (subscriptions)
        order by c.id
        for no key update of c skip locked;
      get diagnostics locked = row_count;
      select count(*) into present from "public"."LeadCredits" c where c.subscriptionid = any (subscriptions);
    when 'skipTrace' then
      return query
        select c.subscriptionid, c.id, c.allotted, coalesce(c.used, 0), c.resetindays, c.cycle, c.cyclestart,
               exists (select from creditgate.adjustments a
                       where a.subscription_id = c.subscriptionid and a.credit_type = 'skipTrace' and a.row_id = c.id and a.kind = 'opening')
        from "public"."SkipTraceCredits" c
        where c.subscriptionid = any (subscriptions)
        order by c.id
        for no key update of c skip locked;
      get diagnostics locked = row_count;
      select count(*) into present from "public"."SkipTraceCredits" c where c.subscriptionid = any (subscriptions);
  end case;
  if locked < present then
    raise exception 'creditgate: another writer holds a row' using errcode = 'lock_not_available';
  end if;
end
$$;
revoke all on function creditgate.lock_rows_of(text, uuid[]) from public, anon, authenticated, service_role;

-- write_row() for many rows of one type.
create or replace function creditgate.write_rows(type_name text, ids uuid[], used_figures integer[], cycles integer[], cyclestarts timestamptz[])
returns void
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
begin
  case type_name
    when 'ai' then
      update "public"."AICredits" c set used = w.used, cycle = w.cycle, cyclestart = w.cyclestart
      from unnest(ids, used_figures, cycles, cyclestarts) as w (id, used, cycle, cyclestart)
      where c.id = any (ids) and c.id = w.id;
    when 'lead' then
      update "public"."LeadCredits" c set used = w.used, cycle = w.cycle, cyclestart = w.cyclestart
      from unnest(ids, used_figures, cycles, cyclestarts) as w (id, used, cycle, cyclestart)
      where c.id = any (ids) and c.id = w.id;
    when 'skipTrace' then
      update "public"."SkipTraceCredits" c set used = w.used, cycle = w.cycle, cyclestart = w.cyclestart
      from unnest(ids, used_figures, cycles, cyclestarts) as w (id, used, cycle, cyclestart)
      where c.id = any (ids) and c.id = w.id;
  end case;
end
$$;
revoke all on function creditgate.write_rows(text, uuid[], integer[], integer[], timestamptz[]) from public, anon, authenticated, service_role;

-- give_back() for many rows of one type, waiting for nobody. Returns false, with nothing given back, when another writer
-- holds one of them.
create or replace function creditgate.give_back_all(type_name text, row_ids uuid[], cycles integer[], amounts bigint[])
returns boolean
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
begin
  case type_name
    when 'ai' then
      if (select count(*) from "public"."AICredits" c where c.id = any (row_ids))
         > (select count(*) from (select c.id from "public"."AICredits" c where c.id = any (row_ids) order by c.id for no key update skip locked) l) then
        return false;
      end if;
      update "public"."AICredits" c set used = greatest(coalesce(c.used, 0) - b.amount, 0)
      from (select g.id, g.cycle, sum(g.amount) as amount from unnest(row_ids, cycles, amounts) as g (id, cycle, amount) group by g.id, g.cycle) b
      where c.id = any (row_ids) and c.id = b.id and c.cycle = b.cycle;
    when 'lead' then
      if (select count(*) from "public"."LeadCredits" c where c.id = any (row_ids))
         > (select count(*) from (select c.id from "public"."LeadCredits" c where c.id = any (row_ids) order by c.id for no key update skip locked) l) then
        return false;
      end if;
      update "public"."LeadCredits" c set used = greatest(coalesce(c.used, 0) - b.amount, 0)
      from (select g.id, g.cycle, sum(g.amount) as amount from unnest(row_ids, cycles, amounts) as g (id, cycle, amount) group by g.id, g.cycle) b
      where c.id = any (row_ids) and c.id = b.id and c.cycle = b.cycle;
    when 'skipTrace' then
      if (select count(*) from "public"."SkipTraceCredits" c where c.id = any (row_ids))
         > (select count(*) from (select c.id from "public"."SkipTraceCredits" c where c.id = any (row_ids) order by c.id for no key update skip locked) l) then
        return false;
      end if;
      update "public"."SkipTraceCredits" c set used = greatest(coalesce(c.used, 0) - b.amount, 0)
      from (select g.id, g.cycle, sum(g.amount) as amount from unnest(row_ids, cycles, amounts) as g (id, cycle, amount) group by g.id, g.cycle) b
      where c.id = any (row_ids) and c.id = b.id and c.cycle = b.cycle;
    else null; -- a type that is no longer configured: its table is not ours to touch any more
  end case;
  return true;
end
$$;
revoke all on function creditgate.give_back_all(text, uuid[], integer[], bigint[]) from public, anon, authenticated, service_role;

-- Ends reservations whose rows have got back what is not kept. `keeps`: at most this much of each allocation.
create or replace function creditgate.end_all(ids uuid[], keeps integer[], end_state text, at_time timestamptz)
returns void
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
begin
  update creditgate.reservations r
  set state = end_state, ended_at = at_time,
      allocations = array(select row(a.credit_type, a.row_id, a.cycle, a.held, least(a.held, e.keep))::creditgate.allocation
                          from unnest(r.allocations) with ordinality as a (credit_type, row_id, cycle, held, kept, n) order by a.n)
  from unnest(ids, keeps) as e (id, keep)
  where r.id = any (ids) and r.id = e.id;
end
$$;
revoke all on function creditgate.end_all(uuid[], integer[], text, timestamptz) from public, anon, authenticated, service_role;

-- Which elements of an array of reserves can be answered in one pass, as reserve_all() says; null: all of them.
-- The caller has locked the subscriptions that are not `busy`.
create or replace function creditgate.fitting(subscriptions uuid[], busy uuid[], types text[], keys text[])
returns boolean[]
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  ending uuid[] := array(
    select s.id from (select d.id, count(*) as many from unnest(subscriptions) as d (id) where d.id is not null group by d.id) s
    where (select true from creditgate.reservations r
           where r.subscription_id = s.id and r.state = 'open' and r.lease_until <= clock_timestamp() limit 1)
       or s.many > 1000
       or (select true from creditgate.reservations r
           where r.subscription_id = s.id and r.state = 'open' limit 1 offset greatest(1000 - s.many, 0)));
begin
  if cardinality(busy) = 0 and cardinality(ending) = 0 and array_position(types, null) is null and array_remove(keys, null) = '{}' then
    return null;
  end if;
  return (
    select array_agg(f.in_order order by f.n)
    from (
      select e.n, bool_and(e.fits) over (partition by e.subscription order by e.n) as in_order
      from (
        select a.n, a.subscription,
               a.credit_type is not null and a.subscription <> all (busy) and a.subscription <> all (ending)
               and (a.idempotency_key is null
                    or ((select true from creditgate.reservations r
                         where r.subscription_id = a.subscription and r.idempotency_key = a.idempotency_key limit 1) is null
                        and row_number() over (partition by a.subscription, a.idempotency_key order by a.n) = 1)) as fits
        from unnest(subscriptions, types, keys) with ordinality as a (subscription, credit_type, idempotency_key, n)
      ) e
    ) f
  );
end
$$;
revoke all on function creditgate.fitting(uuid[], uuid[], text[], text[]) from public, anon, authenticated, service_role;

-- Answers an array of reserves in one pass: one lock, one read and one write for each subscription and row, however many
-- elements draw on it. Answers are JSON by position; null for an element that needs more than that and is answered by itself:
--
-- - several types, an amount that may be less, a session to look up, a dry run; an idempotency key that is known already; a lease
--   of its subscription that is over, or too many that are open;
-- - a group (a subscription and a type) that asks for more than its first row with anything left can give;
-- - whatever stands behind such an element in its subscription: who asks first is answered first.
--
-- Raises an error, with nothing done, where an element is malformed, two have one id, an id is known already, or a row is in
-- another writer's hands. `busy`: the subscriptions that could not be locked.
--
-- Answers are put together as text, which is cheaper than building JSON. Joins are hashed, index look-ups are
-- subqueries: the planner cannot know that an array has 256 places, and not 10.
create or replace function creditgate.reserve_all(requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  ids uuid[]; spenders uuid[]; types text[]; needs integer[]; leases integer[]; amounts jsonb[]; keys text[]; fingerprints text[];
  fits boolean[];                            -- null: all do
  well_formed boolean;
  written bigint;                            -- asked for so that it is done: what a query does not read, `updated` would not do
  known boolean;
begin
  -- In the order of the array, as nothing here sorts.
  select array_agg(r.id::uuid), array_agg(r."user"::uuid), array_agg(r.credit_type), array_agg((r.amounts -> r.credit_type)::text::integer),
         array_agg(r.lease::text::integer), array_agg(r.amounts),
         array_agg(r.idempotency ->> 'key'), array_agg(r.idempotency ->> 'fingerprint'),
         bool_and(coalesce(r.id::uuid::text = r.id and r."user"::uuid::text = r."user", false)
           and coalesce(r.lease::text::integer between 1 and 900, false)
           and coalesce(r.credit_type is null or ((r.amounts -> r.credit_type)::text::integer >= 0
             and r.credit_type in (select t.name from creditgate.credit_types t)), false)
           and (r.idempotency is null
                or (creditgate.is_key(r.idempotency -> 'key') and creditgate.is_key(r.idempotency -> 'fingerprint'))))
         -- What is null is absent for a record, but malformed for the plain way.
         and not jsonb_path_exists(requests, '$[*] ? (@.idempotency == null)')
  into ids, spenders, types, needs, leases, amounts, keys, fingerprints, well_formed
  from (
    select e.*, case when e.amounts - e.first_type = '{}' then e.first_type end as credit_type
    from (select t.*, (select k.name from jsonb_object_keys(t.amounts) as k (name) limit 1) as first_type
          from jsonb_to_recordset(requests) as t (id text, "user" text, amounts jsonb, lease jsonb, idempotency jsonb) offset 0) e
    offset 0
  ) r;
  if not well_formed or (select count(distinct i.id) from unnest(ids) as i (id)) < cardinality(ids) then
    raise exception 'creditgate: an element is malformed, or two have one id' using errcode = '22023';
  end if;

  if requests @? '$[*] ? (exists (@.least) || exists (@.session) || exists (@.dryRun))' then
    types := array(select case when not e.value ?| array['least', 'session', 'dryRun'] then types[e.n] end
                   from jsonb_array_elements(requests) with ordinality as e (value, n) order by e.n);
  end if;

  subscriptions := creditgate.subscriptions_of_users(spenders);
  busy := creditgate.lock_subscriptions(subscriptions);

  fits := creditgate.fitting(subscriptions, busy, types, keys);

  with asked as materialized (
    select e.*
    from unnest(ids, spenders, types, needs, leases, amounts, keys, fingerprints, subscriptions, fits) with ordinality
           as e (id, spender, credit_type, need, lease, amounts, idempotency_key, fingerprint, subscription, fits, n)
    where coalesce(e.fits, true) and e.subscription is not null
  ), found as materialized (
    select w.credit_type, l.*
    from (select a.credit_type, array_agg(distinct a.subscription) as subscriptions from asked a group by a.credit_type order by 1) w
    cross join lateral creditgate.lock_rows_of(w.credit_type, w.subscriptions) l
  ), clock as materialized (
    select clock_timestamp() as now from (select count(*) from found) once_all_are_locked
  ), rolled as materialized (
    -- roll(), for the few rows whose cycle is over.
    select r.credit_type, r.subscription, r.id, r.allotted, r.met, r.used as used_before, r.cycle as cycle_before, c.now,
           coalesce((x.after).used, r.used) as used, coalesce((x.after).cycle, r.cycle) as cycle, coalesce((x.after).cyclestart, r.cyclestart) as cyclestart,
           case when r.resetindays > 0 and isfinite(r.cyclestart)
                then coalesce((x.after).cyclestart, r.cyclestart) + make_interval(secs => r.resetindays * 86400.0) end as resets
    from found r
    cross join clock c
    cross join lateral (
      select case when r.resetindays > 0 and isfinite(r.cyclestart) and r.cyclestart + make_interval(secs => r.resetindays * 86400.0) <= c.now
                  then creditgate.roll(row(r.credit_type, r.id, r.allotted, r.used, r.resetindays, r.cycle, r.cyclestart, r.met)::creditgate.credit_row, c.now)
             end as after
      offset 0
    ) x
  ), groups as materialized (
    -- The first row with anything left stands for its group. headroom() is written out.
    select g.*,
           coalesce(ceil(extract(epoch from g.group_resets - g.now))::bigint::text, 'null') as resets_in,
           coalesce('"' || to_char(g.group_resets at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') || '"', 'null') as resets_at
    from (
      select h.*, row_number() over spending as place, sum(h.headroom) over whole as spendable,
             bool_or(h.allotted is null) over whole as unlimited, min(h.resets) over whole as group_resets
      from (select r.*, least(greatest(coalesce(r.allotted, 2147483647)::bigint - r.used, 0), 2147483647::bigint - r.used) as headroom from rolled r) h
      window whole as (partition by h.subscription, h.credit_type),
             spending as (partition by h.subscription, h.credit_type order by h.headroom > 0 desc, h.resets nulls last, h.id)
    ) g
    where g.place = 1
  ), judged as materialized (
    select a.*, g.id as row_id, g.cycle, g.cycle_before, g.cyclestart, g.used, g.used_before, g.met, coalesce(g.now, c.now) as now,
           g.resets_in, coalesce(g.resets_at, 'null') as resets_at, g.unlimited, coalesce(g.spendable, 0) as spendable, coalesce(g.headroom, 0) as headroom,
           a.need > coalesce(g.spendable, 0) as refused,
           sum(case when a.need > coalesce(g.spendable, 0) then 0 else a.need end) over in_turn as running,
           sum(case when a.need > coalesce(g.spendable, 0) then 0 else a.need end) over whole as demand,
           row_number() over in_turn as turn
    from asked a
    cross join clock c
    left join groups g on g.subscription = a.subscription and g.credit_type = a.credit_type
    window whole as (partition by a.subscription, a.credit_type), in_turn as (partition by a.subscription, a.credit_type order by a.n)
  ), reserved as (
    insert into creditgate.reservations (id, subscription_id, user_id, state, amounts, allocations, lease_until, created_at, idempotency_key, fingerprint)
    select j.id, j.subscription, j.spender, 'open', j.amounts,
           case when j.need = 0 then '{}'::creditgate.allocation[] else array[row(j.credit_type, j.row_id, j.cycle, j.need, j.need)::creditgate.allocation] end,
           j.now + make_interval(secs => j.lease), j.now, j.idempotency_key, j.fingerprint
    from judged j
    where j.demand <= j.headroom and not j.refused
  ), drawn as materialized (
    select j.* from judged j where j.turn = 1 and j.demand between 1 and j.headroom
  ), recorded as (
    insert into creditgate.adjustments (subscription_id, credit_type, row_id, cycle, kind, amount, made_at)
    select d.subscription, d.credit_type, d.row_id, d.cycle_before, k.kind, k.amount, d.now
    from drawn d
    cross join lateral (values ('opening', d.used_before, not d.met), ('reset', -d.used_before, d.cycle <> d.cycle_before)) as k (kind, amount, holds)
    where k.holds
  ), updated as materialized (
    select creditgate.write_rows(d.credit_type, array_agg(d.row_id), array_agg((d.used + d.demand)::integer), array_agg(d.cycle), array_agg(d.cyclestart)) as done
    from drawn d
    group by d.credit_type
  )
  select array_agg(case
           when j.n is null or j.demand > j.headroom then null
           when j.refused then '{"id":"' || j.id || '","outcome":"insufficient","creditType":' || to_json(j.credit_type) || ',"required":' || j.need
             || ',"available":' || (j.spendable - j.running) || ',"resetsAt":' || j.resets_at || '}'
           else '{"id":"' || j.id || '","outcome":"reserved","subscription":"' || j.subscription || '","amounts":' || j.amounts || ',"balances":{'
             || coalesce(to_json(j.credit_type) || ':{"remaining":' || case when j.unlimited then 'null' else (j.spendable - j.running)::text end
                         || ',"resetsIn":' || j.resets_in || ',"resetsAt":' || j.resets_at || '}', '')
             || '}}'
         end order by p.n),
         (select count(u.done) from updated u),
         bool_or(j.refused and (select true from creditgate.reservations r where r.id = j.id))
  into answers, written, known
  from generate_series(1, cardinality(ids)) as p (n)
  left join judged j on j.n = p.n;
  if known or written < 0 then raise exception 'creditgate: an id is known already' using errcode = 'unique_violation'; end if;
end
$$;
revoke all on function creditgate.reserve_all(jsonb) from public, anon, authenticated, service_role;

-- Ends those commits of an array that keep all they hold, which is nearly every one, with one guarded update. Returns which
-- they are, by position, and their answers as JSON. The caller has locked `held`, each element's subscription; null: it has not.
create or replace function creditgate.commit_all(ids uuid[], spenders uuid[], asked_amounts jsonb[], held uuid[], out positions bigint[], out answers text[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
declare
  now constant timestamptz := clock_timestamp();
  -- Unknown to the plan, which would else read all that is open by the index that holds it.
  open_state constant text := 'open';
begin
  with committed as (
    update creditgate.reservations r set state = 'committed', ended_at = now
    from unnest(ids, spenders, asked_amounts, held) with ordinality as a (id, spender, amounts, held, n)
    where r.id = any (ids) and r.id = a.id and r.subscription_id = a.held and r.state = open_state and r.lease_until > now
      and (a.spender is null or r.user_id = a.spender)
      and (a.amounts is null or a.amounts = r.amounts
           or (jsonb_typeof(a.amounts) = 'number' and r.amounts = jsonb_build_object(coalesce((r.allocations[1]).credit_type, ''), a.amounts)))
    returning a.n, '{"id":"' || r.id || '","outcome":"committed","amounts":' || r.amounts || '}' as answer
  )
  select array_agg(c.n), array_agg(c.answer) into positions, answers from committed c;
end
$$;
revoke all on function creditgate.commit_all(uuid[], uuid[], jsonb[], uuid[]) from public, anon, authenticated, service_role;

-- Ends refunds of an array, and commits that keep a part of one allocation, in one pass; leaves out the `settled` positions.
-- Returns which they are, by position, and their answers as JSON. The caller has locked `held`, each element's subscription;
-- null: it has not. Raises lock_not_available where another writer holds a row.
create or replace function creditgate.give_back_rest(operation text, ids uuid[], spenders uuid[], amounts jsonb[], held uuid[], settled bigint[],
                                                     out positions bigint[], out answers text[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
set enable_seqscan = off
as $$
declare
  now constant timestamptz := clock_timestamp();
  asked uuid[];
  found_reservations creditgate.reservations[];
  ending uuid[]; keeps integer[];            -- of each allocation
  back_types text[]; back_rows uuid[]; back_cycles integer[]; back_amounts bigint[];
  type_name text;
begin
  asked := array(select a.id from unnest(ids) with ordinality as a (id, n) left join unnest(settled) as s (n) on s.n = a.n where s.n is null);
  select array_agg(r) into found_reservations from creditgate.reservations r where r.id = any (asked);

  select array_agg(d.n), array_agg(d.id), array_agg(d.keep),
         array_agg('{"id":"' || d.id || case when operation = 'refund' then '","outcome":"refunded"}' else '","outcome":"committed","amounts":' || d.amounts::text || '}' end)
  into positions, ending, keeps, answers
  from (
    select p.n, p.id, p.amounts,
           case when operation = 'refund' then 0 else (p.amounts ->> p.credit_type)::integer end as keep
    from (
      select a.n, r.id, r.allocations, r.amounts as reserved, (r.allocations[1]).credit_type, row_number() over (partition by a.id order by a.n) as occurrence,
             case when jsonb_typeof(a.amounts) = 'number' then jsonb_build_object(coalesce((r.allocations[1]).credit_type, ''), a.amounts) else a.amounts end as amounts
      from unnest(ids, spenders, amounts, held) with ordinality as a (id, spender, amounts, held, n)
      join unnest(found_reservations) r on r.id = a.id and r.subscription_id = a.held
      where r.state = 'open' and r.lease_until > now and (a.spender is null or r.user_id = a.spender)
    ) p
    where p.occurrence = 1
      and (operation = 'refund'
           or (cardinality(p.allocations) = 1 and p.amounts - p.credit_type = '{}' and p.reserved = jsonb_build_object(p.credit_type, (p.allocations[1]).held)
               and (p.amounts -> p.credit_type)::text::integer between 0 and (p.allocations[1]).held))
  ) d;

  select array_agg(b.credit_type), array_agg(b.row_id), array_agg(b.cycle), array_agg(b.amount)
  into back_types, back_rows, back_cycles, back_amounts
  from (select a.credit_type, a.row_id, a.cycle, (a.held - least(a.held, e.keep))::bigint as amount
        from unnest(ending, keeps) as e (id, keep)
        join unnest(found_reservations) r on r.id = e.id
        cross join lateral unnest(r.allocations) a) b
  where b.amount > 0;
  for type_name in select distinct t.name from unnest(back_types) as t (name) order by 1 loop
    if not creditgate.give_back_all(type_name, array_agg(b.row_id), array_agg(b.cycle), array_agg(b.amount))
       from unnest(back_types, back_rows, back_cycles, back_amounts) as b (credit_type, row_id, cycle, amount) where b.credit_type = type_name
    then
      raise exception 'creditgate: another writer holds a row' using errcode = 'lock_not_available';
    end if;
  end loop;
  perform creditgate.end_all(ending, keeps, case operation when 'commit' then 'committed' else 'refunded' end, now);
end
$$;
revoke all on function creditgate.give_back_rest(text, uuid[], uuid[], jsonb[], uuid[], bigint[]) from public, anon, authenticated, service_role;

-- Answers an array of commits or of refunds in few passes. Answers are JSON by position; null for an element that needs more
-- than that (one that has ended, whose lease is over, that keeps a part of several allocations, exceeds what is reserved or keeps
-- its response) and is answered by itself.
-- Raises an error, with nothing done, where an element is malformed or unknown, or a row is in another writer's hands.
-- `busy`: the subscriptions that could not be locked.
create or replace function creditgate.settle_all(operation text, requests jsonb, out answers text[], out subscriptions uuid[], out busy uuid[])
language plpgsql volatile
set search_path = ''
set plan_cache_mode = force_generic_plan
set jit = off
set enable_nestloop = off
as $$
declare
  ids uuid[]; spenders uuid[]; amounts jsonb[]; held uuid[];
  well_formed boolean;
  settled bigint[]; settled_answers text[];  -- by position
begin
  select array_agg(r.id::uuid), array_agg(r."user"::uuid), array_agg(nullif(r.amounts, 'null')),
         bool_and(coalesce(r.id::uuid::text = r.id, false) and (r."user" is null or r."user"::uuid::text = r."user"))
         -- What is null is absent for a record, but malformed for the plain way.
         and not jsonb_path_exists(requests, '$[*] ? (@.user == null)')
  into ids, spenders, amounts, well_formed
  from jsonb_to_recordset(requests) as r (id text, "user" text, amounts jsonb);
  subscriptions := array(select (select r.subscription_id from creditgate.reservations r where r.id = e.id)
                         from unnest(ids) with ordinality as e (id, n) order by e.n);
  if not well_formed or array_position(subscriptions, null) is not null then
    raise exception 'creditgate: an element is malformed or unknown' using errcode = '22023';
  end if;

  busy := creditgate.lock_subscriptions(subscriptions);
  held := subscriptions;
  if cardinality(busy) > 0 then
    held := array(select case when s.id <> all (busy) then s.id end from unnest(subscriptions) with ordinality as s (id, n) order by s.n);
  end if;

  if requests @? '$[*] ? (exists (@.more) || exists (@.response))' or (select count(distinct i.id) from unnest(ids) as i (id)) < cardinality(ids) then
    -- Where one of a subscription may draw, or two are about one reservation, the order of the array decides: none of them is taken ahead.
    held := array(
      select case when not (e.value ? 'response') and not bool_or(e.value ? 'more' or e.again) over (partition by e.held) then e.held end
      from (select a.*, count(*) over (partition by a.id) > 1 as again
            from rows from (unnest(ids), unnest(held), jsonb_array_elements(requests)) with ordinality as a (id, held, value, n)) e
      order by e.n);
  end if;

  if operation = 'commit' then
    select c.positions, c.answers into settled, settled_answers from creditgate.commit_all(ids, spenders, amounts, held) c;
  end if;
  if coalesce(cardinality(settled), 0) < cardinality(ids) then
    select settled || g.positions, settled_answers || g.answers into settled, settled_answers
    from creditgate.give_back_rest(operation, ids, spenders, amounts, held, coalesce(settled, '{}')) g;
  end if;
  select array_agg(s.answer order by p.n) into answers
  from generate_series(1, cardinality(ids)) as p (n)
  left join unnest(settled, settled_answers) as s (n, answer) on s.n = p.n;
end
$$;
revoke all on function creditgate.settle_all(text, jsonb) from public, anon, authenticated, service_role;

-- The subscription that each request of an array is about, by position; null where it is malformed or about none.
create or replace function creditgate.subscriptions_about(requests jsonb)
returns uuid[]
language plpgsql volatile
set search_path = ''
as $$
declare
  spenders uuid[];
  known uuid[];
begin
  select array_agg(case when creditgate.is_uuid(e.request -> 'user') then (e.request ->> 'user')::uuid end order by e.n),
         array_agg(case when creditgate.is_uuid(e.request -> 'subscription') then (e.request ->> 'subscription')::uuid
                        when creditgate.is_uuid(e.request -> 'id')
                        then (select r.subscription_id from creditgate.reservations r where r.id = (e.request ->> 'id')::uuid) end order by e.n)
  into spenders, known
  from jsonb_array_elements(requests) with ordinality as e (request, n);
  return (
    select array_agg(coalesce(a.known, a.spent) order by a.n)
    from unnest(known, creditgate.subscriptions_of_users(spenders)) with ordinality as a (known, spent, n)
  );
end
$$;
revoke all on function creditgate.subscriptions_about(jsonb) from public, anon, authenticated, service_role;

-- Optional: a sweep every few minutes by pg_cron. Nothing depends on it.
do $$
declare
  every_minutes constant integer := null;
  prune_after_days constant integer := null;
  command text := 'select creditgate.sweep(''{"most": 1000}'')';
begin
  if every_minutes is null then
    return;
  elsif to_regprocedure('cron.schedule(text, text, text)') is null then
    raise warning 'creditgate: the sweep is not scheduled: this database has no pg_cron'
      using hint = 'Enable it and run the migration again: create extension pg_cron with schema pg_catalog; Or call creditgate_sweep from any other scheduler.';
    return;
  end if;
  if prune_after_days is not null then
    command := command || format(', creditgate.prune(''{"most": 1000, "olderThanDays": %s}'')', prune_after_days);
  end if;
  execute format('select cron.schedule(%L, %L, %L)', 'creditgate-sweep', format('*/%s * * * *', every_minutes), command);
end
$$;

insert into creditgate.schema_versions (version) values (4) on conflict (version) do nothing;
-- What an identity column counts with has no statement of its own beside which its revoke could stand.
revoke all on all sequences in schema creditgate from public, anon, authenticated, service_role;
-- Hosted projects reload by themselves; elsewhere the Data API must be told that there are new functions.
notify pgrst, 'reload schema';
