import type { z } from 'zod'
import { commitColumns, refundColumns, reserveColumns, type ColumnForm, type Columns } from './columns.ts'
import { LedgerFault } from './fault.ts'
import { answers, schemaVersion, type Ledger } from './ledger.ts'

/**
 * Carries one call to the database and brings back what the function returned, unread.
 * Rejects with a `LedgerFault`. This is all that a new kind of connection has to provide.
 */
export type Call = (name: `creditgate_${keyof typeof answers | 'version'}`, requests: readonly object[] | Columns | undefined, signal: AbortSignal | undefined) => Promise<unknown>

/** Makes a ledger of a way to call the database. Trusts only answers of the full expected shape that echo what was asked about. */
export function createLedger(call: Call): Ledger {
  function operation<Request extends object, Answer extends object>(name: keyof typeof answers, shape: z.ZodType<Answer>, form?: ColumnForm<Request, Answer>) {
    const [echo, subject] = name === 'reset' ? (['subscription', 'subscription'] as const) : (['id', 'reservation'] as const)
    return async (requests: readonly Request[], signal?: AbortSignal): Promise<readonly Answer[]> => {
      if (requests.length === 0) return []
      const columns = requests.length > 1 ? form?.encode(requests) : undefined
      const raw = await call(`creditgate_${name}`, columns ?? requests, signal)
      const decoded = columns === undefined ? undefined : form?.decode(raw, requests)
      if (decoded === undefined && (!Array.isArray(raw) || raw.length !== requests.length)) throw createBadAnswer(name)
      const { succeeded, others } = decoded ?? { succeeded: [], others: raw as readonly unknown[] }
      return requests.map((request: Echo, index) => {
        const answer: (Answer & Echo) | undefined = succeeded[index] ?? shape.safeParse(others[index]).data
        if (answer === undefined) throw createBadAnswer(name)
        if (request[echo] !== undefined && answer[echo] !== request[echo]) throw createBadAnswer(name, `for another ${subject}`)
        return answer
      })
    }
  }

  function step<Answer extends object>(name: 'sweep' | 'prune', shape: z.ZodType<Answer>) {
    const ask = operation(name, shape)
    return async (request: object, signal?: AbortSignal): Promise<Answer> => (await ask([request], signal))[0] as Answer
  }

  return Object.freeze({
    reserve: operation('reserve', answers.reserve, reserveColumns),
    commit: operation('commit', answers.commit, commitColumns),
    refund: operation('refund', answers.refund, refundColumns),
    extend: operation('extend', answers.extend),
    reverse: operation('reverse', answers.reverse),
    reset: operation('reset', answers.reset),
    sweep: step('sweep', answers.sweep),
    prune: step('prune', answers.prune),
    async version(signal?: AbortSignal) {
      const { data } = schemaVersion.safeParse(await call('creditgate_version', undefined, signal))
      if (data === undefined) throw createBadAnswer('version')
      return data
    },
  })
}

/** What an answer repeats of its request: what it is about. A step is about nothing. */
type Echo = Readonly<Partial<Record<'id' | 'subscription', unknown>>>

function createBadAnswer(name: string, what = 'not one'): LedgerFault {
  return new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is ${what}`)
}
