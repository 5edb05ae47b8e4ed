import { DATABASE_FLAG, JSON_FLAG, type Command } from '../command.ts'
import { openDatabase } from '../database.ts'
import { ConnectionError, EXIT } from '../exit.ts'
import { findSubscription } from '../subject.ts'
import { renderTable, renderTime } from '../table.ts'

interface Balances {
  readonly [creditType: string]: { readonly remaining: number | null; readonly resetsAt: string | null }
}

export const balance: Command = {
  name: 'balance',
  takes: ['<user|subscription>'],
  summary: 'what can be spent now, by credit type',
  about: 'Takes the id of a subscription, or of a user, whose active subscription is looked up. Shows what a reserve would find now.\n',
  needs: 'database',
  flags: { ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate balance 6f1c2f5e-8a0e-4f0c-9d3c-0d6f3b8e2a11', 'npx creditgate balance <subscription> --json'],
  async run({ arguments: [given = ''], flags, terminal, environment, cwd }) {
    if (environment.databaseUrl === undefined && environment.dataApi !== undefined) {
      throw new ConnectionError("the Data API gives a balance to its own user only, by supabase.rpc('creditgate_balance'). For anyone else's, set DATABASE_URL")
    }
    const database = await openDatabase(environment, cwd)
    try {
      const subscription = await findSubscription(database, given)
      const [row] = await database.select<{ balances: Balances }>('select creditgate.balance_of($1::uuid) as balances', [subscription])
      const balances = row?.balances ?? {}
      if (flags.given('json')) terminal.printJson({ subscription, balances })
      else {
        const rows = Object.entries(balances).sort(([a], [b]) => a.localeCompare(b))
        terminal.say(`Subscription ${subscription}\n`)
        if (rows.length === 0) terminal.say('It has no credits of any type.\n')
        else terminal.print(renderTable(['type', 'remaining', 'resets'], rows.map(([type, { remaining, resetsAt }]) => [type, remaining ?? 'unlimited', resetsAt === null ? 'never' : renderTime(resetsAt)])))
      }
      return EXIT.done
    } finally {
      await database.close()
    }
  },
}
