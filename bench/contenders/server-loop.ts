import type pg from 'pg'
import type { Account } from '../stage.ts'

export const ARRAY_LENGTH = 256

/**
 * Our own SQL, called with arrays in a loop that runs in the server: no client and no round trip, a flush for each array.
 * The most that the database can do with what is in it. Returns pairs per second.
 */
export async function runServerLoop(pool: pg.Pool, { accounts, milliseconds }: { readonly accounts: readonly Account[]; readonly milliseconds: number }): Promise<number> {
  const users = accounts.map(({ user }) => user).join()
  const session = await pool.connect()
  try {
    await session.query(`
      do $$
      declare
        users constant uuid[] := '{${users}}';
        began constant timestamptz := clock_timestamp();
        pairs bigint := 0;
        requests jsonb;
        answers jsonb;
      begin
        while clock_timestamp() < began + interval '${milliseconds} milliseconds' loop
          -- In columns, as a guard's travel.
          select jsonb_build_object('ids', jsonb_agg(bench.reservation_id(clock_timestamp())), 'users', jsonb_agg(users[1 + floor(random() * cardinality(users))::integer]),
                                    'creditTypes', jsonb_agg('ai'::text), 'amounts', jsonb_agg(1), 'leases', jsonb_agg(60))
            into requests from generate_series(1, ${ARRAY_LENGTH});
          answers := public.creditgate_reserve(requests);
          commit;
          if answers ->> 'outcome' is distinct from 'reserved' or exists (select from jsonb_each(answers -> 'rest') r where r.value ->> 'outcome' <> 'reserved') then raise 'reserve: %', answers -> 'rest'; end if;
          answers := public.creditgate_commit(requests - 'leases');
          commit;
          if answers ->> 'outcome' is distinct from 'committed' or exists (select from jsonb_each(answers -> 'rest') r where r.value ->> 'outcome' <> 'committed') then raise 'commit: %', answers -> 'rest'; end if;
          pairs := pairs + ${ARRAY_LENGTH};
        end loop;
        perform set_config('bench.per_second', (pairs / extract(epoch from clock_timestamp() - began))::text, false);
      end
      $$`)
    const { rows } = await session.query<{ value: string }>("select current_setting('bench.per_second') as value")
    return Number(rows[0]?.value)
  } finally {
    session.release()
  }
}
