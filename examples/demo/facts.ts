import type { CreditType } from './accounts.ts'
import { sumRemaining, type Books } from './books.ts'
import type { Reply } from './http-call.ts'

/**
 * What is true after a call. `status`, `body` and `announced` are what the client saw; the rest is read from Postgres.
 */
export interface Facts {
  readonly status: number
  readonly body: Reply['body']
  /** The response named the very reservation that is in the database, or named none where none was made. */
  readonly announced: boolean
  readonly reservation: string
  readonly reserved: number
  readonly drawnFrom: string
  readonly committed: number
  readonly refunded: number
  readonly remaining: number
  /** `used` of each row of the credit type, and the row's cycle once it is no longer the first. */
  readonly used: string
}

export async function readFacts(books: Books, reply: Reply, creditType: CreditType): Promise<Facts> {
  const reservation = await books.readNewReservation()
  const rows = (await books.readRows()).filter((row) => row.creditType === creditType)
  const { reserved, committed, drawnFrom, state } = reservation ?? { reserved: 0, committed: 0, drawnFrom: '', state: 'none' }
  return {
    status: reply.status,
    body: reply.body,
    announced: reply.reservation === reservation?.id,
    reservation: state,
    reserved,
    drawnFrom,
    committed,
    refunded: reserved - committed,
    remaining: sumRemaining(rows, creditType),
    used: rows.map(({ name, used, cycle }) => (cycle === 0 ? `${name} ${used}` : `${name} ${used} in cycle ${cycle}`)).join(', '),
  }
}

/** Names each fact that is not as expected. None: all is well. */
export function compareFacts(expected: Facts, got: Facts): readonly string[] {
  return (Object.keys(expected) as (keyof Facts)[])
    .filter((name) => expected[name] !== got[name])
    .map((name) => `${name}: expected ${describe(expected[name])}, got ${describe(got[name])}`)
}

function describe(value: string | number | boolean): string {
  return value === '' ? 'nothing' : String(value)
}

type Charge = Pick<Facts, 'reserved' | 'drawnFrom' | 'remaining' | 'used'>

export function expectCommit(charge: Charge & Pick<Facts, 'committed'> & Partial<Pick<Facts, 'body'>>): Facts {
  return { status: 200, body: 'whole', announced: true, reservation: 'committed', refunded: charge.reserved - charge.committed, ...charge }
}

export function expectRefund(charge: Charge & Pick<Facts, 'status'>): Facts {
  return { body: 'whole', announced: true, reservation: 'refunded', committed: 0, refunded: charge.reserved, ...charge }
}

export function expectDenial(denial: Pick<Facts, 'status' | 'remaining' | 'used'>): Facts {
  return { body: 'whole', announced: true, reservation: 'none', reserved: 0, drawnFrom: '', committed: 0, refunded: 0, ...denial }
}
