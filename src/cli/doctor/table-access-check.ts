import { createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

/** The columns whose change is worth credits. Of other columns of a table a user may be free to change some. */
const CREDIT_COLUMNS = ['id', 'allotted', 'used', 'resetindays', 'subscriptionid', 'cycle', 'cyclestart']

interface Access {
  readonly role: string
  readonly command: 'select' | 'insert' | 'update' | 'delete'
  /** Row level security is on. */
  readonly secured: boolean
  readonly policies: readonly Policy[]
}

interface Policy {
  readonly name: string
  readonly permissive: boolean
  readonly using: string | null
  readonly check: string | null
}

/** Which commands the Data API's own roles may run on a table, and the policies that apply to each. */
const ACCESS = `
  select r.rolname as role, w.command, c.relrowsecurity as secured,
    coalesce((select jsonb_agg(jsonb_build_object('name', p.polname, 'permissive', p.polpermissive,
                'using', pg_get_expr(p.polqual, p.polrelid), 'check', pg_get_expr(p.polwithcheck, p.polrelid)) order by p.polname)
              from pg_policy p
              where p.polrelid = c.oid and p.polcmd in ('*', case w.command when 'select' then 'r' when 'insert' then 'a' when 'update' then 'w' else 'd' end)
                and exists (select from unnest(p.polroles) m (oid) where m.oid = 0 or pg_has_role(r.oid, m.oid, 'usage'))), '[]') as policies
  from pg_class c
  cross join pg_roles r
  cross join unnest(array['select', 'insert', 'update', 'delete']) as w (command)
  where c.oid = $1::regclass and r.rolname in ('anon', 'authenticated') and has_schema_privilege(r.oid, c.relnamespace, 'usage')
    and case w.command
        when 'delete' then has_table_privilege(r.oid, c.oid, 'delete')
        when 'update' then exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and a.attname in (select jsonb_array_elements_text($2::text::jsonb)) and has_column_privilege(r.oid, c.oid, a.attnum, 'update'))
        else has_any_column_privilege(r.oid, c.oid, w.command) end
  order by r.rolname, w.command`

/**
 * Whether a signed-in user can change their own credits: the Data API lets them wherever the role has the privilege and no
 * policy keeps them out. On projects of the classic kind every new table begins with all privileges granted.
 */
export async function checkTableAccess({ database, creditTables, subscriptions }: Scene): Promise<readonly Finding[]> {
  const findings: Finding[] = []
  for (const { table } of creditTables) findings.push(...judge(table, await readAccess(table, CREDIT_COLUMNS), 'credits'))
  if (subscriptions !== null) {
    const columns = ['id', ...[subscriptions.userColumn, subscriptions.statusColumn].filter((column) => column !== null).map(unquote)]
    findings.push(...judge(subscriptions.table, await readAccess(subscriptions.table, columns), 'subscription'))
  }
  return orOk('table-access', findings, `${creditTables.length + (subscriptions === null ? 0 : 1)} tables of yours: no signed-in user can change their credits`)

  function readAccess(table: string, columns: readonly string[]): Promise<readonly Access[]> {
    return database.select<Access>(ACCESS, [table, JSON.stringify(columns)])
  }
}

function judge(table: string, access: readonly Access[], what: 'credits' | 'subscription'): readonly Finding[] {
  const writes = access.filter(({ command }) => command !== 'select')
  const revoke = `revoke insert, update, delete, truncate on table ${table} from public, anon, authenticated;`
  const enable = `alter table ${table} enable row level security;`
  const open = writes.filter(({ secured }) => !secured)
  if (open.length > 0) {
    const consequence = what === 'credits' ? 'Any user can give themselves credits, and take those of others, with the publishable key that every browser has.' : "Any user can activate their own subscription, or take another's, with the publishable key that every browser has."
    return [createFinding('table-access', 'error', `${describe(open)}, and row level security is off`, { subject: table, means: `${consequence} Afterwards users read it through the Data API only where a policy lets them; creditgate needs none.`, sql: `${enable}\n${revoke}` })]
  }
  const allowed = writes.flatMap((each) => each.policies.filter((policy) => lets(policy, each)).map((policy) => ({ ...each, policy })))
  const meantForServer = allowed.every(({ policy }) => /service_role/.test(`${policy.using ?? ''} ${policy.check ?? ''}`))
  const findings = allowed.length === 0 ? [] : [describeAllowed()]
  const readable = access.filter(({ command, secured }) => command === 'select' && !secured)
  if (readable.length === 0) return findings
  return [...findings, createFinding('table-access', 'warning', `${describe(readable)}, and row level security is off`, { subject: table, means: 'Every user sees the rows of all others.', sql: enable })]

  function describeAllowed(): Finding {
    const names = [...new Set(allowed.map(({ policy }) => `"${policy.name}"`))].join(', ')
    const means = meantForServer
      ? `The policy names service_role, which needs none: read it again, or take the privilege away, which costs your server nothing.`
      : what === 'credits'
        ? 'A user whom the policy lets through sets "used" to 0 or adds a row: credits for nothing. Your server, with the secret key, passes policies anyway.'
        : 'A user whom the policy lets through can activate a subscription that is not paid for. Your server, with the secret key, passes policies anyway.'
    return createFinding('table-access', meantForServer || what === 'subscription' ? 'warning' : 'error', `${describe(allowed)}, let through by the policy ${names}`, { subject: table, means, sql: revoke })
  }
}

/** A permissive policy lets through, unless it says false, or a restrictive one beside it does. */
function lets(policy: Policy, { command, policies }: Access): boolean {
  const expression = ({ using, check }: Policy) => (command === 'insert' ? (check ?? using) : using)
  return policy.permissive && expression(policy) !== 'false' && !policies.some((other) => !other.permissive && expression(other) === 'false')
}

const VERBS = { select: 'read', insert: 'insert', update: 'update', delete: 'delete' } as const

/** "anon can insert; authenticated can insert, update and delete" */
function describe(access: readonly Access[]): string {
  const roles = new Map<string, string[]>()
  for (const role of new Set(access.map((each) => each.role))) {
    const can = joinWords(Object.entries(VERBS).filter(([command]) => access.some((each) => each.role === role && each.command === command)).map(([, verb]) => verb))
    roles.set(can, [...(roles.get(can) ?? []), role])
  }
  return [...roles].map(([can, who]) => `${joinWords(who)} can ${can}`).join('; ')
}

function joinWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} and ${words.at(-1) ?? ''}`
}

function unquote(identifier: string): string {
  return identifier.slice(1, -1).replaceAll('""', '"')
}
