import { quoteLiteral } from '../../migration.ts'
import { count, createFinding, orOk, type Finding } from './finding.ts'
import type { Scene, SubscriptionTable } from './scene.ts'

/** Credits that nobody can spend. */
export async function checkRows({ database, version, creditTables, subscriptions }: Scene): Promise<readonly Finding[]> {
  if (subscriptions === null) return []
  const findings: Finding[] = []
  for (const { table } of creditTables) {
    const orphaned = `not exists (select from ${subscriptions.table} s where s.id = c.subscriptionid)`
    const [counts] = await database.select<{ unowned: number; orphaned: number; constrained: boolean }>(
      `select count(*) filter (where c.subscriptionid is null) as unowned, count(*) filter (where c.subscriptionid is not null and ${orphaned}) as orphaned,
              exists (select from pg_constraint k join pg_attribute a on a.attrelid = k.conrelid and k.conkey = array[a.attnum]
                      where k.conrelid = $1::regclass and k.confrelid = $2::regclass and k.contype = 'f' and a.attname = 'subscriptionid') as constrained
       from ${table} c`,
      [table, subscriptions.table],
    )
    if (counts === undefined) continue
    const add = (found: string, means: string, sql: string) => findings.push(createFinding('rows', 'warning', found, { subject: table, means, sql }))
    if (counts.unowned > 0) add(`${count(counts.unowned, 'row has', 'rows have')} no subscriptionid`, 'Nobody can spend these credits. Give them their subscription, or delete them.', `-- to see them: select * from ${table} where subscriptionid is null;\ndelete from ${table} where subscriptionid is null;`)
    if (counts.orphaned > 0) add(`${count(counts.orphaned, 'row has', 'rows have')} a subscriptionid that is no subscription`, 'Nobody can spend these credits.', `-- to see them: select * from ${table} c where ${orphaned};\ndelete from ${table} c where c.subscriptionid is not null and ${orphaned};`)
    if (version !== null && !counts.constrained) add('no foreign key holds subscriptionid to a subscription', 'A mistyped id goes unnoticed, and its credits are lost.', `alter table ${table} add foreign key (subscriptionid) references ${subscriptions.table} (id);`)
  }
  findings.push(...(await findDuplicates(subscriptions)))
  return orOk('rows', findings, 'every credit row has its subscription, every user at most one that is active')

  async function findDuplicates(known: SubscriptionTable): Promise<readonly Finding[]> {
    const { table, userColumn, condition, statusColumn } = known
    if (userColumn === null || condition === null) return []
    const [found] = await database.select<{ users: number; example: string }>(
      `select count(*) as users, min(d.holder) as example from (
         select s.${userColumn}::text as holder from ${table} s where s.${userColumn} is not null${condition} group by s.${userColumn} having count(*) > 1) d having count(*) > 0`,
    )
    if (found === undefined) return []
    const details = {
      subject: table,
      means: 'creditgate spends from the one with the lowest id; credits on the others lie idle. End all but one, or say in creditgate.subscription_of(uuid) which it is.',
      ...(statusColumn === null ? {} : { sql: await mend(known, statusColumn) }),
    }
    return [createFinding('rows', 'warning', `${count(found.users, 'user has', 'users have')} several active subscriptions, for example ${found.example}`, details)]
  }

  /** Ends all but the one that is spent from, with a status that the column can hold. */
  async function mend({ table, userColumn, condition }: SubscriptionTable, statusColumn: string): Promise<string> {
    const inactive = await database.select<{ label: string }>(
      `select e.enumlabel as label from pg_enum e join pg_attribute a on a.atttypid = e.enumtypid
       where a.attrelid = $1::regclass and a.attname = $2
         and not exists (select from (select e.enumlabel as status) s where true${(condition ?? '').replace(`s.${statusColumn}`, 's.status')})
       order by e.enumlabel !~* 'cancel|inactive|ended', e.enumsortorder`,
      [table, statusColumn.slice(1, -1).replaceAll('""', '"')],
    )
    const other = (condition ?? '').replaceAll(`s.${statusColumn}`, `o.${statusColumn}`)
    return [
      `-- to see them: select s.* from ${table} s where s.${userColumn} in (select s.${userColumn} from ${table} s where true${condition ?? ''} group by 1 having count(*) > 1)${condition ?? ''};`,
      `update ${table} s set ${statusColumn} = ${quoteLiteral(inactive[0]?.label ?? 'superseded').trim()} where true${condition ?? ''}`,
      `  and exists (select from ${table} o where o.${userColumn} = s.${userColumn} and o.id < s.id${other});`,
    ].join('\n')
  }
}
