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
          select jsonb_agg(jsonb_build_object('id', bench.reservation_id(clock_timestamp()), 'user', users[1 + floor(random() * cardinality(users))::integer],
                                              'amounts', jsonb_build_object('ai', 1), 'lease', 60))
            into requests from generate_series(1, ${ARRAY_LENGTH});
          answers := public.creditgate_reserve(requests);
          commit;
          if exists (select from jsonb_array_elements(answers) a where a ->> 'outcome' <> 'reserved') then raise 'reserve: %', answers -> 0; end if;
          answers := public.creditgate_commit((select jsonb_agg(r - 'lease') from jsonb_array_elements(requests) r));
          commit;
          if exists (select from jsonb_array_elements(answers) a where a ->> 'outcome' <> 'committed') then raise 'commit: %', answers -> 0; end if;
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
