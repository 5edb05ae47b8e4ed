import { z } from 'zod'
import { LedgerFault } from './fault.ts'
import { answers, schemaVersion, type Ledger } from './ledger.ts'

/**
 * Carries one call to the database and brings back what the function returned, unread.
 * Rejects with a `LedgerFault`. This is all that a new kind of connection has to provide.
 */
export type Call = (name: `creditgate_${keyof typeof answers | 'version'}`, requests: readonly object[] | undefined, signal: AbortSignal | undefined) => Promise<unknown>

/** Makes a ledger of a way to call the database. Trusts only answers of the full expected shape that echo what was asked about. */
export function createLedger(call: Call): Ledger {
  async function ask<Shape extends z.ZodType>(name: keyof typeof answers, shape: Shape, requests: readonly object[], signal?: AbortSignal): Promise<readonly z.infer<Shape>[]> {
    if (requests.length === 0) return []
    const parsed = z.array(shape).safeParse(await call(`creditgate_${name}`, requests, signal))
    if (!parsed.success || parsed.data.length !== requests.length) {
      throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is not one`)
    }
    return parsed.data
  }

  function operation<Shape extends z.ZodType, Echo extends 'id' | 'subscription'>(name: keyof typeof answers, shape: Shape, echo: Echo) {
    return async (requests: readonly Readonly<Record<Echo, string>>[], signal?: AbortSignal): Promise<readonly z.infer<Shape>[]> => {
      const given = await ask(name, shape, requests, signal)
      given.forEach((answer, index) => {
        if ((answer as Partial<Record<Echo, unknown>>)[echo] !== requests[index]?.[echo]) {
          throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is for another ${echo === 'id' ? 'reservation' : echo}`)
        }
      })
      return given
    }
  }

  function step<Shape extends z.ZodType>(name: keyof typeof answers, shape: Shape) {
    return async (request: object, signal?: AbortSignal): Promise<z.infer<Shape>> => (await ask(name, shape, [request], signal))[0] as z.infer<Shape>
  }

  return Object.freeze({
    reserve: operation('reserve', answers.reserve, 'id'),
    commit: operation('commit', answers.commit, 'id'),
    refund: operation('refund', answers.refund, 'id'),
    extend: operation('extend', answers.extend, 'id'),
    reverse: operation('reverse', answers.reverse, 'id'),
    reset: operation('reset', answers.reset, 'subscription'),
    sweep: step('sweep', answers.sweep),
    prune: step('prune', answers.prune),
    async version(signal?: AbortSignal) {
      const parsed = schemaVersion.safeParse(await call('creditgate_version', undefined, signal))
      if (!parsed.success) throw new LedgerFault('unknown', 'bad-answer', "creditgate: the database's answer to version is not one")
      return parsed.data
    },
  })
}
