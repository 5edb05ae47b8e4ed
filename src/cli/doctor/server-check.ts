import { quoteIdentifier } from '../../migration.ts'
import { createFinding, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

const MOST_SKEW_SECONDS = 5

/** Leases go by the database's clock; tokens by this machine's. */
export async function checkClock({ database }: Scene): Promise<readonly Finding[]> {
  const asked = Date.now()
  const [row] = await database.select<{ now: number }>('select extract(epoch from clock_timestamp()) * 1000 as now')
  const answered = Date.now()
  // What the round trip took is not known to be skew.
  const skew = Math.max(0, (row?.now ?? 0) - answered, asked - (row?.now ?? 0)) / 1000
  if (skew < MOST_SKEW_SECONDS) return [createFinding('clock', 'ok', 'the clocks of this machine and the database agree')]
  return [
    createFinding('clock', 'warning', `this machine's clock is ${Math.round(skew)} seconds ${answered > (row?.now ?? 0) ? 'ahead of' : 'behind'} the database's`, {
      means: 'Credits are safe: leases and cycles go by the database. Tokens are judged by the clock of the server that runs your routes, and expire too early or too late there: set its clock by NTP.',
    }),
  ]
}

/** Off: a crash of the database may take back what it said was done. */
export async function checkDurability({ database }: Scene): Promise<readonly Finding[]> {
  const settings = await database.select<{ owner: string; off: boolean }>(`
    select coalesce(format(case when s.setrole = 0 then 'database %I' when s.setdatabase = 0 then 'role %I' else 'role %I in database %I' end,
                           coalesce(r.rolname, d.datname), d.datname), '') as owner, true as off
    from pg_db_role_setting s left join pg_roles r on r.oid = s.setrole left join pg_database d on d.oid = s.setdatabase
    where 'synchronous_commit=off' = any(s.setconfig) and (s.setdatabase = 0 or d.datname = current_database())
    order by 1`)
  const [session] = await database.select<{ setting: string; source: string }>("select setting, source from pg_settings where name = 'synchronous_commit'")
  const resets = settings.map(({ owner }) => `alter ${owner} reset synchronous_commit;`)
  if (resets.length === 0 && session?.setting === 'off') resets.push(...resetServer(session.source))
  if (resets.length === 0) return [createFinding('durability', 'ok', 'what the database says is done survives a crash of it (synchronous_commit)')]
  return [
    createFinding('durability', 'warning', 'synchronous_commit is off', {
      means: 'A crash of the database may forget the last moments: charges that were answered for. Connections that are open keep the old setting.',
      sql: resets.join('\n'),
    }),
  ]
}

function resetServer(source: string): readonly string[] {
  return source === 'client' ? [] : ['alter system reset synchronous_commit; -- as a superuser', 'select pg_reload_conf();']
}

export function describeServer({ role, server }: Scene): Finding {
  return createFinding('connection', 'ok', `Postgres ${server}, as ${quoteIdentifier(role)}`)
}
