import type { z } from 'zod'
import { readCommitted, readReserved } from './common-answers.ts'
import { LedgerFault } from './fault.ts'
import { answers, schemaVersion, type Ledger } from './ledger.ts'

/**
 * Carries one call to the database and brings back what the function returned, unread.
 * Rejects with a `LedgerFault`. This is all that a new kind of connection has to provide.
 */
export type Call = (name: `creditgate_${keyof typeof answers | 'version'}`, requests: readonly object[] | undefined, signal: AbortSignal | undefined) => Promise<unknown>

/** Makes a ledger of a way to call the database. Trusts only answers of the full expected shape that echo what was asked about. */
export function createLedger(call: Call): Ledger {
  async function ask<Answer>(name: keyof typeof answers, read: Read<Answer>, requests: readonly object[], signal?: AbortSignal): Promise<readonly Answer[]> {
    if (requests.length === 0) return []
    const given = readEach(read, await call(`creditgate_${name}`, requests, signal))
    if (given?.length !== requests.length) throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is not one`)
    return given
  }

  function operation<Shape extends z.ZodType, Echo extends 'id' | 'subscription'>(name: keyof typeof answers, shape: Shape, echo: Echo, readCommon?: Read<z.infer<Shape>>) {
    const read: Read<z.infer<Shape>> = (raw) => readCommon?.(raw) ?? shape.safeParse(raw).data
    return async (requests: readonly Readonly<Record<Echo, string>>[], signal?: AbortSignal): Promise<readonly z.infer<Shape>[]> => {
      const given = await ask(name, read, requests, signal)
      given.forEach((answer, index) => {
        if ((answer as Partial<Record<Echo, unknown>>)[echo] !== requests[index]?.[echo]) {
          throw new LedgerFault('unknown', 'bad-answer', `creditgate: the database's answer to ${name} is for another ${echo === 'id' ? 'reservation' : echo}`)
        }
      })
      return given
    }
  }

  function step<Shape extends z.ZodType>(name: keyof typeof answers, shape: Shape) {
    return async (request: object, signal?: AbortSignal): Promise<z.infer<Shape>> => (await ask(name, (raw) => shape.safeParse(raw).data, [request], signal))[0] as z.infer<Shape>
  }

  return Object.freeze({
    reserve: operation('reserve', answers.reserve, 'id', readReserved),
    commit: operation('commit', answers.commit, 'id', readCommitted),
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

/** Gives undefined for what is no answer. */
type Read<Answer> = (raw: unknown) => Answer | undefined

function readEach<Answer>(read: Read<Answer>, raw: unknown): readonly Answer[] | undefined {
  if (!Array.isArray(raw)) return undefined
  const given: Answer[] = []
  for (const element of raw) {
    const answer = read(element)
    if (answer === undefined) return undefined
    given.push(answer)
  }
  return given
}
