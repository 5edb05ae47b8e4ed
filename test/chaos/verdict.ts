import type pg from 'pg'
import type { Fields, JournalRecord } from './journal.ts'
import type { PlannedAccount } from './plan.ts'

/** A reservation as the database has it. `kept`: what it keeps, by credit type. */
export interface FinalReservation {
  readonly id: string
  readonly user: string | null
  readonly subscription: string | null
  readonly state: string
  /** What its reserve asked for; `amounts`: what it came to hold. */
  readonly asked: Fields
  readonly amounts: Fields
  readonly kept: Fields
  readonly key: string | null
}

export type Violation = Fields & { readonly kind: string; readonly row_id: string; readonly subscription_id: string }

export async function readReservations(pool: pg.Pool, condition = 'true', values: readonly unknown[] = []): Promise<readonly FinalReservation[]> {
  const { rows } = await pool.query<FinalReservation>(
    `select r.id, r.user_id as user, r.subscription_id as subscription, r.state, coalesce(r.asked_for, r.amounts) as asked, r.amounts, creditgate.kept_amounts(r) as kept, r.idempotency_key as key
     from creditgate.reservations r where ${condition}`,
    [...values],
  )
  return rows
}

/**
 * The rows that break G1 or G2. Where others write `used` too, it is they who unbalance it. But nobody here takes `used` past
 * `allotted` or lowers `allotted`: a row where it stands above is our doing, in whatever way the row is accounted for.
 */
export async function readViolations(pool: pg.Pool, accounts: readonly PlannedAccount[]): Promise<readonly Violation[]> {
  const written = accounts.filter(({ kind }) => kind === 'disturbed' || kind === 'counted')
  const { rows } = await pool.query<Violation>(
    `select kind, row_id, subscription_id, cycle, allotted, used, expected from creditgate.violations
     where kind <> 'unbalanced' or subscription_id <> all($1::uuid[])
     union all
     select 'out_of_bounds', id, subscription_id, cycle, allotted, used, null from creditgate.credit_rows where used not between 0 and allotted`,
    [written.map(({ subscription }) => subscription)],
  )
  return rows
}

/** Where only resets end a cycle, there are as many cycles as keys that asked for one, however often each was delivered. */
export async function findResetsTooMany(pool: pg.Pool, accounts: readonly PlannedAccount[]): Promise<readonly string[]> {
  const { rows } = await pool.query<Fields>(
    `select f.* from (
       select c.subscription_id, c.credit_type, max(c.cycle) as cycles,
              (select count(*)::integer from creditgate.acts a where a.subscription_id = c.subscription_id and a.kind = 'reset' and a.subject = c.credit_type) as keys
       from creditgate.credit_rows c where c.subscription_id = any($1) group by 1, 2
     ) f where f.cycles <> f.keys`,
    [accounts.filter(({ kind }) => kind === 'shared').map(({ subscription }) => subscription)],
  )
  return rows.map((row) => `more or fewer cycles than reset keys: ${JSON.stringify(row)}`)
}

export interface Books {
  readonly reservations: ReadonlyMap<string, FinalReservation>
  /** Answers of reversals and resets, by `nameAct`. */
  readonly acts: ReadonlyMap<string, Fields>
  /** Ids of reservations that were pruned, and with them the keys of their reversals. */
  readonly pruned: ReadonlySet<string>
}

/** Whatever was acknowledged and does not stand, as a sentence each. */
export function findBrokenAcknowledgements(records: Iterable<JournalRecord>, books: Books): readonly string[] {
  const broken = new Set<string>()
  const detached = new Set<string>()
  for (const record of records) {
    const claim = findBrokenClaim(record, books) ?? findSettledThoughDetached(record, detached)
    if (claim !== undefined) broken.add(`${claim}: ${JSON.stringify(record)}`)
  }
  return [...broken]
}

function findSettledThoughDetached(record: JournalRecord, detached: Set<string>): string | undefined {
  if (record.kind !== 'told') return undefined
  const { event } = record
  if (event.type === 'detached') detached.add(event.reservation)
  return (event.type === 'settled' || event.type === 'unsettled') && detached.has(event.reservation) ? 'the response settled what was handed to a job' : undefined
}

export function findKeysChargedTwice(reservations: Iterable<FinalReservation>): readonly string[] {
  const charges = new Map<string, string[]>()
  for (const { subscription, key, state, id } of reservations) {
    if (key === null || state !== 'committed') continue
    const name = `${subscription ?? ''} ${key}`
    charges.set(name, [...(charges.get(name) ?? []), id])
  }
  return [...charges].filter(([, ids]) => ids.length > 1).map(([name, ids]) => `key charged ${String(ids.length)} times: ${name}: ${ids.join(', ')}`)
}

function findBrokenClaim(record: JournalRecord, books: Books): string | undefined {
  if (record.kind === 'asked') return undefined
  if (record.kind === 'told') {
    const { event } = record
    if (!('reservation' in event)) return undefined
    const found = books.reservations.get(event.reservation)
    switch (event.type) {
      case 'reserved':
        return found?.user === event.user && isHeld(found, event.amounts) ? undefined : describe('reserved', found)
      case 'replayed':
        return found?.state === 'committed' && found.user === event.user ? undefined : describe('charged before', found)
      case 'settled':
        if (event.outcome === 'committed') return expectKept(found, event.amounts)
        return found?.state === 'refunded' || found?.state === 'expired' ? undefined : describe('refunded or expired', found)
      default:
        return undefined
    }
  }
  const { operation, request, answer } = record
  if (operation === 'reset') {
    if (answer['outcome'] !== 'reset') return undefined
    return expectAct(books, nameAct({ kind: 'reset', subject: request['creditType'], key: request['key'], subscription: request['subscription'] }), answer)
  }
  const id = String(request['id'])
  if (answer['id'] !== id) return 'the answer is for another reservation'
  const found = books.reservations.get(id)
  switch (answer['outcome']) {
    case 'reserved':
      if (found?.user !== request['user'] || !isSame(found?.asked, request['amounts'])) return describe('reserved', found)
      if (!isWithin(request['least'] ?? request['amounts'], answer['amounts']) || !isWithin(answer['amounts'], request['amounts'])) return 'not what was asked for was reserved'
      return found !== undefined && isHeld(found, answer['amounts']) ? undefined : describe('reserved', found)
    case 'committed':
      if (operation === 'commit' && !isWithin(answer['amounts'], readAsked(request, found))) return 'more was charged than was asked for'
      return expectKept(found, answer['amounts'])
    case 'refunded':
    case 'expired':
      return found?.state === answer['outcome'] ? undefined : describe(answer['outcome'], found)
    case 'extended':
      // What was reported and written down is charged when nobody settles it.
      return answer['reported'] !== null && (found === undefined || found.state === 'expired') ? describe('charged for what was reported', found) : undefined
    case 'conflict':
      if (operation !== 'commit') return undefined
      return expectKept(found, answer['amounts']) ?? (isSame(readAsked(request, found), found?.kept) ? 'the same commit again was a conflict' : undefined)
    case 'already_charged': {
      const charged = books.reservations.get(String(answer['reservation']))
      const { response } = answer as { readonly response?: { readonly body: string } }
      if (response !== undefined && (atob(response.body) !== charged?.id || charged.user !== request['user'])) return "another one's response was sent"
      return charged?.state === 'committed' ? undefined : describe('charged before', charged)
    }
    case 'reversed':
      return books.pruned.has(id) ? undefined : expectAct(books, nameAct({ kind: 'reversal', subject: id, key: request['key'], subscription: found?.subscription }), answer)
    default:
      return undefined
  }
}

/** What was reserved is held, or more of it since a commit drew more. */
function isHeld({ state, amounts }: FinalReservation, reserved: unknown): boolean {
  return isSame(amounts, reserved) || (state === 'committed' && isWithin(reserved, amounts))
}

function isWithin(amounts: unknown, most: unknown): boolean {
  return Object.entries(amounts as Fields).every(([type, amount]) => Number(amount) <= Number((most as Fields)[type]))
}

/** A plain number stands for the only type there is. */
function readAsked(request: Fields, found: FinalReservation | undefined): unknown {
  const asked = request['amounts'] ?? found?.amounts
  return typeof asked === 'number' ? Object.fromEntries(Object.keys(found?.amounts ?? {}).map((type) => [type, asked])) : asked
}

function expectKept(found: FinalReservation | undefined, amounts: unknown): string | undefined {
  return found?.state === 'committed' && isSame(found.kept, amounts) ? undefined : describe(`committed with ${JSON.stringify(amounts)}`, found)
}

function expectAct({ acts }: Books, name: string, answer: Fields): string | undefined {
  const stands = acts.get(name)
  return isSame(stands, answer) ? undefined : `was acknowledged, and stands as ${JSON.stringify(stands)}`
}

export function nameAct({ kind, subject, key, subscription }: Readonly<Record<'kind' | 'subject' | 'key' | 'subscription', unknown>>): string {
  return JSON.stringify([subscription, kind, subject, key])
}

function describe(wanted: string, found: FinalReservation | undefined): string {
  return `was ${wanted}, and stands as ${found === undefined ? 'nothing' : `${found.state} with ${JSON.stringify(found.kept)}`}`
}

/** Equal as JSON, whatever the order of the members. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(sortMembers(one)) === JSON.stringify(sortMembers(other))
}

function sortMembers(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value as Fields)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, member]) => [name, sortMembers(member)])
}
