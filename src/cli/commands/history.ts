import { z } from 'zod'
import { DATABASE_FLAG, JSON_FLAG, type Command } from '../command.ts'
import { EXIT, RefusedError } from '../exit.ts'
import { openReader } from '../reader.ts'
import { expectSubscription, readUuid } from '../subject.ts'
import { renderTable, renderTime } from '../table.ts'

const entry = z.object({ at: z.string(), what: z.string(), amounts: z.record(z.string(), z.number()), id: z.string(), user: z.string().nullable() })
const historyAnswer = z.object({ subscription: z.string().nullable(), entries: z.array(entry) })

export const history: Command = {
  name: 'history',
  takes: ['<user|subscription>'],
  summary: 'what became of its credits, newest first',
  about: `Reservations by their state, open ones at their beginning and the others (committed, refunded, expired) at their end, and what
changed a row besides: opening (what was used when creditgate first met the row), reset, reversal, pruned. Amounts of these are
what was added to "used".
`,
  needs: 'database or Data API',
  flags: { limit: { value: '<n>', help: 'how many entries, 1 to 1000; default: 20' }, ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate history 6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11 --limit 50'],
  async run({ arguments: [given], flags, terminal, environment, cwd }) {
    const limit = flags.whole('limit', { min: 1, max: 1000 }) ?? 20
    const subject = readUuid('<user|subscription>', given)
    const reader = await openReader(environment, cwd)
    try {
      const answer = await reader.read('creditgate_history', { subject, most: limit }, historyAnswer)
      const subscription = expectSubscription(subject, answer)
      if (flags.given('json')) terminal.printJson(answer)
      else {
        terminal.say(`Subscription ${subscription}\n`)
        if (answer.entries.length === 0) terminal.say('Nothing has happened to it.\n')
        else terminal.print(renderTable(['at', 'what', 'amounts', 'reservation or row'], answer.entries.map(({ at, what, amounts, id }) => [renderTime(at), what, renderAmounts(amounts), id])))
      }
      return EXIT.done
    } catch (error) {
      if ((error as { readonly code?: unknown }).code !== '57014') throw error
      throw new RefusedError('the database gave up reading its reservations within the time it has: "creditgate prune" makes them fewer, and over DATABASE_URL there may be more time', { cause: error })
    } finally {
      await reader.close()
    }
  },
}

export function renderAmounts(amounts: Readonly<Record<string, number>>): string {
  return Object.entries(amounts).map(([type, amount]) => `${type}=${amount}`).join(' ')
}
