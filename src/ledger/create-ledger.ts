import { z } from 'zod'
import { LedgerFault } from './fault.ts'
import { answers, schemaVersion, type Ledger } from './ledger.ts'

/**
 * Carries one call to the database and brings back what the function returned, unread.
 * Rejects with a `LedgerFault`. This is all that a new kind of connection has to provide.
 */
export type Call = (
  name: 'creditgate_reserve' | 'creditgate_commit' | 'creditgate_refund' | 'creditgate_extend' | 'creditgate_version',
  requests: readonly { readonly id: string }[] | undefined,
  signal: AbortSignal | undefined,
) => Promise<unknown>

/** Makes a ledger of a way to call the database. Trusts only answers of the full expected shape that echo each id. */
export function createLedger(call: Call): Ledger {
  function operation<Shape extends z.ZodType<{ outcome: string; id?: unknown }>>(name: keyof typeof answers, shape: Shape) {
    const shapes = z.array(shape)
    return async (requests: readonly { readonly id: string }[], signal?: AbortSignal): Promise<readonly z.infer<Shape>[]> => {
      if (requests.length === 0) return []
      const raw = await call(`creditgate_${name}`, requests, signal)
      const parsed = shapes.safeParse(raw)
      if (!parsed.success || parsed.data.length !== requests.length) {
        throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is not one`)
      }
      parsed.data.forEach((answer, index) => {
        if (answer.id !== requests[index]?.id) {
          throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is for another reservation`)
        }
      })
      return parsed.data
    }
  }

  return Object.freeze({
    reserve: operation('reserve', answers.reserve),
    commit: operation('commit', answers.commit),
    refund: operation('refund', answers.refund),
    extend: operation('extend', answers.extend),
    async version(signal?: AbortSignal) {
      const parsed = schemaVersion.safeParse(await call('creditgate_version', undefined, signal))
      if (!parsed.success) throw new LedgerFault('unknown', 'bad-answer', "creditgate: the database's answer to version is not one")
      return parsed.data
    },
  })
}
