import { z } from 'zod'
import { DATABASE_FLAG, JSON_FLAG, type Command } from '../command.ts'
import { EXIT } from '../exit.ts'
import { openReader } from '../reader.ts'
import { expectSubscription, readUuid } from '../subject.ts'
import { renderTable, renderTime } from '../table.ts'

const balances = z.record(z.string(), z.object({ remaining: z.number().nullable(), resetsIn: z.number().nullable(), resetsAt: z.string().nullable() }))
const balanceAnswer = z.object({ subscription: z.string().nullable(), balances })

export const balance: Command = {
  name: 'balance',
  takes: ['<user|subscription>'],
  summary: 'what can be spent now, by credit type',
  about: 'Takes the id of a subscription, or of a user, whose active subscription is looked up. Shows what a reserve would find now.\n',
  needs: 'database or Data API',
  flags: { ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate balance 6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'npx creditgate balance <subscription> --json'],
  async run({ arguments: [given], flags, terminal, environment, cwd }) {
    const subject = readUuid('<user|subscription>', given)
    const reader = await openReader(environment, cwd)
    try {
      const answer = await reader.read('creditgate_balance_of', { subject }, balanceAnswer)
      const subscription = expectSubscription(subject, answer)
      if (flags.given('json')) terminal.printJson(answer)
      else {
        const rows = Object.entries(answer.balances).sort(([a], [b]) => a.localeCompare(b))
        terminal.say(`Subscription ${subscription}\n`)
        if (rows.length === 0) terminal.say('It has no credits of any type.\n')
        else terminal.print(renderTable(['type', 'remaining', 'resets'], rows.map(([type, { remaining, resetsAt }]) => [type, remaining ?? 'unlimited', resetsAt === null ? 'never' : renderTime(resetsAt)])))
      }
      return EXIT.done
    } finally {
      await reader.close()
    }
  },
}
