import type { Mutant } from './mutants.ts'

const test = (file: string, pattern: string) => ({ file: `test/${file}.test.ts`, pattern })

const NO_SUBSCRIPTION_LOCK = { file: 'sql/21_lock_subscription.sql', find: "perform pg_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));", replace: 'null;' }
const NO_ROW_LOCK = { file: 'sql/22_lock_rows.sql', find: 'order by c.id\n        for no key update of c;', replace: 'order by c.id;' }

export const sqlMutants: readonly Mutant[] = [
  { name: 'operations of a subscription are not alone with it', ...NO_SUBSCRIPTION_LOCK, cheap: true, caughtBy: [test('sql/locks', 'a reserve waits')] },
  { name: 'credit rows are read without a lock', ...NO_ROW_LOCK, caughtBy: [test('sql/locks', 'while a reserve waits for it')] },
  {
    name: 'there is no lock at all',
    ...NO_SUBSCRIPTION_LOCK,
    also: [NO_ROW_LOCK],
    caughtBy: [test('concurrency/exact-winners', 'through pg exactly (7|50) of 1,000')],
  },
  {
    name: 'arrays take their locks in any order',
    file: 'sql/59_answer_each.sql',
    find: 'order by 1) s\n  where s.subscription is not null;',
    replace: ') s\n  where s.subscription is not null order by random();',
    caughtBy: [test('concurrency/races', 'arrays over many subscriptions')],
  },
  {
    name: 'more is held than is allotted',
    file: 'sql/39_headroom.sql',
    find: 'coalesce(credit.allotted, 2147483647)::bigint',
    replace: '2147483647::bigint',
    caughtBy: [test('sql/states', 'on no row without enough credits')],
  },
  {
    name: 'a reserve does not end leases that are over',
    file: 'sql/50_reserve.sql',
    find: 'perform creditgate.expire_leases(subscription);',
    replace: 'null;',
    cheap: true,
    caughtBy: [test('sql/attempts', 'another attempt after one that is lease over')],
  },
  {
    name: 'a key is looked up before leases have ended',
    file: 'sql/50_reserve.sql',
    find: `perform creditgate.expire_leases(subscription);
    if request ? 'idempotency' then
      earlier := creditgate.earlier_attempt(request, subscription);
      if earlier is not null then return earlier; end if;
    end if;`,
    replace: `if request ? 'idempotency' then
      earlier := creditgate.earlier_attempt(request, subscription);
      if earlier is not null then return earlier; end if;
    end if;
    perform creditgate.expire_leases(subscription);`,
    cheap: true,
    caughtBy: [test('sql/attempts', 'another attempt after one that is lease over')],
  },
  {
    name: 'a key is not looked up',
    file: 'sql/50_reserve.sql',
    find: "if request ? 'idempotency' then",
    replace: 'if false then',
    cheap: true,
    caughtBy: [test('sql/attempts', 'another attempt after one that is committed')],
  },
  {
    name: 'a key is free for any other request',
    file: 'sql/48_earlier_attempt.sql',
    find: "elsif earlier.fingerprint <> request #>> '{idempotency,fingerprint}' then",
    replace: 'elsif false then',
    caughtBy: [test('sql/attempts', 'with another fingerprint')],
  },
  {
    name: 'top-ups are spent first',
    file: 'sql/50_reserve.sql',
    find: 'nulls last, c.id',
    replace: 'nulls first, c.id',
    caughtBy: [test('contract/ledger', 'through pg spends rows')],
  },
  {
    name: 'a row is met without writing down what it had',
    file: 'sql/46_record_meeting.sql',
    find: 'if not before.met then',
    replace: 'if false then',
    caughtBy: [test('sql/violations', 'when it was first met')],
  },
  {
    name: 'a refund goes into a cycle that has begun since',
    file: 'sql/24_give_back.sql',
    find: 'where id = credit_row and cycle = drawn_in;',
    replace: 'where id = credit_row;',
    cheap: true,
    caughtBy: [test('sql/reset', 'touches nothing in the new cycle')],
  },
  {
    name: 'a refund takes used below zero',
    file: 'sql/24_give_back.sql',
    find: 'greatest(coalesce(used, 0) - amount, 0)',
    replace: 'coalesce(used, 0) - amount',
    cheap: true,
    caughtBy: [test('contract/ledger', 'through pg never takes used below zero')],
  },
  {
    name: 'a partial commit gives back to the row drawn first',
    file: 'sql/41_end_reservation.sql',
    find: 'foreach allocation in array reservation.allocations loop',
    replace: 'for place in reverse cardinality(reservation.allocations) .. 1 loop\n    allocation := reservation.allocations[place];',
    cheap: true,
    caughtBy: [test('contract/ledger', 'through pg spends rows')],
  },
  {
    name: 'a refund leaves no tombstone',
    file: 'sql/52_refund.sql',
    find: `insert into creditgate.reservations (id, subscription_id, state, amounts, allocations, created_at, ended_at)
    values ((request ->> 'id')::uuid, subscription, 'refunded', '{}', '{}', clock_timestamp(), clock_timestamp())
    on conflict (id) do nothing;
    if found then`,
    replace: 'if true then',
    cheap: true,
    caughtBy: [test('sql/states', 'refund on no row')],
  },
  {
    name: 'a second commit gives back again',
    file: 'sql/51_commit.sql',
    find: "if reservation.state = 'committed' then",
    replace: 'if false then',
    cheap: true,
    caughtBy: [test('sql/states', 'commit of 4 on open')],
  },
  {
    name: 'a second commit of another amount is agreed to',
    file: 'sql/51_commit.sql',
    find: 'if amounts <> creditgate.kept_amounts(reservation) then',
    replace: 'if false then',
    caughtBy: [test('sql/states', 'commit of another amount')],
  },
  {
    name: 'a commit of more than was reserved is accepted',
    file: 'sql/51_commit.sql',
    find: 'elsif exists (select from jsonb_each(amounts) a where a.value > reservation.amounts -> a.key) then',
    replace: 'elsif false then',
    cheap: true,
    caughtBy: [test('sql/states', 'commit of more than was reserved')],
  },
  {
    name: "a commit of another user's reservation is accepted",
    file: 'sql/51_commit.sql',
    find: " or reservation.user_id <> (request ->> 'user')::uuid",
    replace: '',
    caughtBy: [test('contract/ledger', 'through pg does not find a reservation')],
  },
  {
    name: 'what a dead process held can still be committed',
    file: 'sql/45_hold.sql',
    find: 'if creditgate.expire(reservation) then',
    replace: 'if false then',
    caughtBy: [test('sql/states', 'commit of 4 on lease over')],
  },
  {
    name: 'the end of a lease ignores what was reported',
    file: 'sql/42_expire.sql',
    find: 'if reservation.reported is null then',
    replace: 'if true then',
    cheap: true,
    caughtBy: [test('sql/states', 'expire on lease over')],
  },
  {
    name: 'a report may go down',
    file: 'sql/53_extend.sql',
    find: 'greatest((reservation.reported ->> k)::bigint, (delivered ->> k)::bigint, 0)',
    replace: 'coalesce((delivered ->> k)::bigint, 0)',
    cheap: true,
    caughtBy: [test('sql/states', 'never lowers what was reported')],
  },
  {
    name: 'extending adds to the lease',
    file: 'sql/53_extend.sql',
    find: 'lease_until = greatest(clock_timestamp() + ',
    replace: 'lease_until = greatest(lease_until + ',
    caughtBy: [test('sql/states', 'sets the lease from now')],
  },
  {
    name: 'a late heartbeat shortens the lease of a job',
    file: 'sql/53_extend.sql',
    find: "case when request -> 'atLeast' = 'true' then lease_until end",
    replace: 'null',
    caughtBy: [test('recovery/job', 'does not shorten')],
  },
  {
    name: 'a reversal is done again under its key',
    file: 'sql/54_reverse.sql',
    find: 'if found then\n    if done.asked',
    replace: 'if false then\n    if done.asked',
    cheap: true,
    caughtBy: [test('sql/reverse', 'a reversal of 2 on committed')],
    also: [{ file: 'sql/14_acts.sql', find: ' primary key (subscription_id, kind, subject, key)', replace: ' check (true)' }],
  },
  {
    name: 'a reversal gives back more than is left',
    file: 'sql/54_reverse.sql',
    find: 'if exists (select from jsonb_each(asked) a where a.value > reversible -> a.key) then',
    replace: 'if false then',
    cheap: true,
    caughtBy: [test('sql/reverse', 'of more than is left')],
  },
  {
    name: 'a reset is done again under its key',
    file: 'sql/55_reset.sql',
    find: 'if found then\n    return answer;',
    replace: 'if false then\n    return answer;',
    cheap: true,
    caughtBy: [test('sql/reset', 'once for a key')],
    also: [{ file: 'sql/14_acts.sql', find: ' primary key (subscription_id, kind, subject, key)', replace: ' check (true)' }],
  },
  {
    name: 'a reset takes top-ups away',
    file: 'sql/55_reset.sql',
    find: 'continue when creditgate.resets_at(credit) is null;',
    replace: '',
    caughtBy: [test('sql/reset', 'leaves a row that never resets alone')],
  },
  {
    name: 'the sweep waits for a row that someone else has locked',
    file: 'sql/27_try_lock_row.sql',
    find: 'for no key update of c skip locked;',
    replace: 'for no key update of c;',
    caughtBy: [test('sql/sweep', 'leaves what someone else has locked')],
  },
  {
    name: 'the sweep waits for a subscription that is busy',
    file: 'sql/28_try_lock_subscription.sql',
    find: "return pg_try_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));",
    replace: "perform pg_advisory_xact_lock(hashtextextended('creditgate:' || subscription, 0));\n  return true;",
    caughtBy: [test('sql/sweep', 'leaves what someone else has locked')],
  },
  {
    name: 'pruning forgets what a row keeps',
    file: 'sql/57_prune.sql',
    find: 'perform creditgate.carry_over(reservation.subscription_id, allocation, ended_before);',
    replace: 'null;',
    cheap: true,
    caughtBy: [test('sql/prune', 'carries what a row keeps')],
  },
  {
    name: 'a signed-in user may commit',
    file: 'sql/61_creditgate_commit.sql',
    find: 'grant execute on function public.creditgate_commit(jsonb) to service_role;',
    replace: 'grant execute on function public.creditgate_commit(jsonb) to service_role, authenticated;',
    caughtBy: [test('sql/privileges', 'a signed-in user may read')],
  },
]
