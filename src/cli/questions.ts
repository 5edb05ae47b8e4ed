import { completeDatabaseConfig, type DatabaseConfig } from '../migration.ts'
import { readType } from './config.ts'
import { UsageError } from './exit.ts'
import type { Flags } from './flags.ts'
import type { Terminal } from './terminal.ts'

/** Asks for each setting that no flag gave; an empty line takes what is proposed. */
export async function askSettings(proposed: DatabaseConfig, { flags, terminal }: { readonly flags: Flags; readonly terminal: Terminal }): Promise<DatabaseConfig> {
  const { creditTypes, subscriptions, ...rest } = completeDatabaseConfig(proposed)
  const ask = async <Value>(flag: string, question: string, { proposal, shown, read }: Question<Value>): Promise<Value> => {
    if (flags.given(flag)) return proposal
    for (;;) {
      const answer = await terminal.ask(question, shown)
      if (answer === shown) return proposal
      try {
        return read(answer)
      } catch (error) {
        if (!(error instanceof UsageError)) throw error
        terminal.say(`${error.message}\n`)
      }
    }
  }
  const text = (proposal: string) => ({ proposal, shown: proposal, read: (answer: string) => answer })
  const { statusColumn, activeStatuses } = subscriptions
  const types = await ask('type', 'Credit types and their tables', {
    proposal: creditTypes,
    shown: Object.entries(creditTypes).map(([name, table]) => `${name}=${table}`).join(' '),
    read: (answer) => Object.fromEntries(splitWords(answer).map((word) => readType('a credit type', word))),
  })
  const table = await ask('subscription-table', 'Subscription table', text(subscriptions.table))
  const userColumn = await ask('user-column', "Its column with the Supabase user's id", text(subscriptions.userColumn))
  const status = await ask('status-column', 'Its column with the status, or none', {
    proposal: statusColumn,
    shown: statusColumn ?? 'none',
    read: (answer) => (answer === 'none' ? null : answer),
  })
  const active = status === null ? activeStatuses : await ask('active-status', 'Statuses that mean active', { proposal: activeStatuses, shown: activeStatuses.join(' '), read: splitWords })
  return { ...rest, creditTypes: types, subscriptions: { table, userColumn, statusColumn: status, activeStatuses: active } }
}

interface Question<Value> {
  readonly proposal: Value
  readonly shown: string
  readonly read: (answer: string) => Value
}

function splitWords(answer: string): string[] {
  return answer.split(/[\s,]+/).filter((word) => word !== '')
}
