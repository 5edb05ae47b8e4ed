import { assembleMigration } from '../../migration.ts'
import { createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

/** An object of ours, and the roles that may use it: as the migration itself says, so that no second list can go stale. */
interface Promised {
  readonly kind: 'function' | 'table'
  readonly name: string
  readonly roles: readonly string[]
}

/** @param migration its text, with a `revoke all` for each object. */
export function listPromised(migration: string): readonly Promised[] {
  const granted = new Map<string, string[]>()
  for (const [, name = '', roles = ''] of migration.matchAll(/^grant execute on function ([\w.]+\(.*\)) to ([\w, ]+);/gm)) granted.set(name, roles.split(', '))
  return [...migration.matchAll(/^revoke all on (function|table) ((?:creditgate|public)\.\w+(?:\(.*\))?) from public, anon/gm)].map(([, kind = '', name = '']) => ({
    kind: kind as Promised['kind'],
    name,
    roles: granted.get(name) ?? [],
  }))
}

interface Standing {
  readonly name: string
  readonly missing: boolean
  readonly roles: readonly string[]
}

const STANDING = `
  select o.name, case o.kind when 'function' then to_regprocedure(o.name)::oid else to_regclass(o.name)::oid end is null as missing,
    coalesce((select jsonb_agg(r.rolname order by r.rolname) from pg_roles r
              where r.rolname in ('anon', 'authenticated', 'service_role')
                and case o.kind when 'function' then has_function_privilege(r.oid, to_regprocedure(o.name), 'execute')
                    else has_table_privilege(r.oid, to_regclass(o.name), 'select, insert, update, delete, truncate') end), '[]') as roles
  from jsonb_to_recordset($1::text::jsonb) as o (kind text, name text)`

export async function checkFunctionGrants({ database, current }: Scene): Promise<readonly Finding[]> {
  if (!current) return []
  const promised = listPromised(assembleMigration())
  const standing = new Map((await database.select<Standing>(STANDING, [JSON.stringify(promised)])).map((each) => [each.name, each]))
  const findings = promised.flatMap(({ kind, name, roles }) => {
    const found = standing.get(name)
    if (found === undefined || found.missing) {
      return [createFinding('grants', 'error', `the ${kind} is missing`, { subject: name, means: 'The migration was not run to its end, or something dropped it.', command: 'npx creditgate sql | psql "$DATABASE_URL"' })]
    }
    const sql = [`revoke all on ${kind} ${name} from public, anon, authenticated, service_role;`, ...(roles.length === 0 ? [] : [`grant execute on function ${name} to ${roles.join(', ')};`])].join('\n')
    // service_role passes row level security everywhere: what it may do besides is the project's own affair.
    const surplus = found.roles.filter((role) => role !== 'service_role' && !roles.includes(role))
    const lacking = roles.filter((role) => !found.roles.includes(role))
    return [
      ...(surplus.length === 0 ? [] : [createFinding('grants', 'error', `${surplus.join(' and ')} may use it`, { subject: name, means: 'Whoever has a publishable key or is signed in may call what only your server should.', sql })]),
      ...(lacking.length === 0 ? [] : [createFinding('grants', 'error', `${lacking.join(' and ')} may not use it`, { subject: name, means: 'Calls of your server, or balances of your users, fail with 42501.', sql })]),
    ]
  })
  return orOk('grants', findings, `${promised.length} functions and tables of creditgate: nobody may use more than they should`)
}
