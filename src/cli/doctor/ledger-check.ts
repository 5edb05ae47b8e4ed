import { count, createFinding, orOk, type Finding } from './finding.ts'
import type { Scene } from './scene.ts'

interface Violation {
  readonly kind: 'unbalanced' | 'over_allotted'
  readonly credit_type: string
  readonly row_id: string
  readonly allotted: number | null
  readonly used: number
  readonly expected: number
  readonly difference: number
}

const SHOWN = 10

/** Rows whose figures do not add up. */
export async function checkViolations({ database, current, creditTables }: Scene): Promise<readonly Finding[]> {
  if (!current) return []
  const violations = await database.select<Violation>(`select v.* from creditgate.violations v order by v.kind, v.credit_type, v.row_id limit ${SHOWN + 1}`)
  const findings = violations.slice(0, SHOWN).map((violation) => {
    const { kind, credit_type: type, row_id: row, used, allotted, expected, difference } = violation
    const table = creditTables.find(({ creditType }) => creditType === type)?.table ?? type
    const subject = `${table} ${row}`
    return kind === 'unbalanced'
      ? createFinding('violations', 'error', `used is ${used}, and ${expected} is accounted for (${difference > 0 ? '+' : ''}${difference})`, {
          subject,
          means: difference < 0 ? 'Somebody else took from "used": an old cron job, a person, or the user, where the table is open to them.' : 'Somebody else added to "used": another writer of the table.',
          sql: `update ${table} set used = ${expected} where id = '${row}' and used = ${used};`,
        })
      : createFinding('violations', 'warning', `used is ${used}, and only ${allotted ?? 'unlimited'} is allotted`, {
          subject,
          means: 'The allotment was lowered, or somebody else added to "used". Nothing can be spent from this row before its next cycle. It may stay so; or allot what was used.',
          sql: `update ${table} set allotted = used where id = '${row}' and used > allotted;`,
        })
  })
  if (violations.length > SHOWN) findings.push(createFinding('violations', 'error', `and more: ${SHOWN} are shown`, { means: 'All of them: select * from creditgate.violations' }))
  return orOk('violations', findings, 'the figures of every row add up')
}

/** The longest that a handler may hold credits by default. */
const LONG_PAST_MINUTES = 15

/** Reservations of processes that died, of subscriptions that nobody has called for since. */
export async function checkStuck({ database, current }: Scene): Promise<readonly Finding[]> {
  if (!current) return []
  const [found] = await database.select<{ stuck: number; oldest: string }>(
    `select count(*) as stuck, min(r.lease_until) as oldest from creditgate.reservations r
     where r.state = 'open' and r.lease_until < clock_timestamp() - interval '${LONG_PAST_MINUTES} minutes' having count(*) > 0`,
  )
  const findings = found === undefined ? [] : [
    createFinding('reservations', 'warning', `${count(found.stuck, 'open reservation is', 'open reservations are')} more than ${LONG_PAST_MINUTES} minutes past the lease, the oldest since ${found.oldest}`, {
      means: 'They end by themselves at the next call of their subscription; until then "used" counts what they hold. Schedule the sweep where others read the tables.',
      sql: `select public.creditgate_sweep('[{"most": 1000}]');`,
      command: 'npx creditgate sweep',
    }),
  ]
  return orOk('reservations', findings, 'no open reservation is long past its lease')
}
