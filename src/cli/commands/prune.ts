import { DATABASE_FLAG, JSON_FLAG, YES_FLAG, type Command } from '../command.ts'
import { openLedger } from '../connection.ts'
import { EXIT, RefusedError } from '../exit.ts'

export const prune: Command = {
  name: 'prune',
  takes: [],
  summary: 'delete reservations that ended long ago',
  about: `Goes on in bounded steps until there is nothing left. What they keep in a row's present cycle is carried over, so that the figures
go on adding up. After it their ids, reversal keys and idempotency keys are as if never seen.
`,
  needs: 'database or Data API',
  flags: {
    'older-than-days': { value: '<n>', help: 'ended at least so long ago, 1 to 3650; default: 90' },
    most: { value: '<n>', help: 'how many in one step, 1 to 1000; default: 500' },
    ...YES_FLAG,
    ...JSON_FLAG,
    ...DATABASE_FLAG,
  },
  examples: ['npx creditgate prune --older-than-days 365', 'npx creditgate prune --yes --json'],
  async run({ flags, terminal, environment, cwd }) {
    const olderThanDays = flags.whole('older-than-days', { min: 1, max: 3650 }) ?? 90
    const most = flags.whole('most', { min: 1, max: 1000 }) ?? 500
    const connection = await openLedger(environment, cwd)
    try {
      if (!flags.given('yes') && !(await terminal.confirm(`Delete the reservations that ended more than ${olderThanDays} days ago?`))) throw new RefusedError('nothing was deleted')
      const done = { pruned: 0, steps: 0 }
      for (let more = true; more; done.steps += 1) {
        const answer = await connection.ledger.prune({ olderThanDays, most })
        if (answer.outcome === 'invalid') throw new RefusedError(answer.reason)
        done.pruned += answer.pruned
        more = answer.more
      }
      if (flags.given('json')) terminal.printJson({ ...done, olderThanDays })
      else terminal.print(`Deleted ${done.pruned} reservations.\n`)
      return EXIT.done
    } finally {
      await connection.close()
    }
  },
}
