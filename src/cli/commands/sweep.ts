import { DATABASE_FLAG, JSON_FLAG, type Command } from '../command.ts'
import { openLedger } from '../connection.ts'
import { EXIT, RefusedError } from '../exit.ts'

export const sweep: Command = {
  name: 'sweep',
  takes: [],
  summary: 'end leases and cycles that are over',
  about: `Goes on in bounded steps until there is nothing left. Nothing depends on it: the next call of a subscription does the same for it.
It waits for nobody: what is locked is left for the next time.
`,
  needs: 'database or Data API',
  flags: { most: { value: '<n>', help: 'how many in one step, 1 to 1000; default: 500' }, ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate sweep', '*/5 * * * * cd /srv/app && npx creditgate sweep   # in a crontab'],
  async run({ flags, terminal, environment, cwd }) {
    const most = flags.whole('most', { min: 1, max: 1000 }) ?? 500
    const connection = await openLedger(environment, cwd)
    try {
      const done = { expired: 0, cycles: 0, steps: 0 }
      for (let more = true; more; done.steps += 1) {
        const answer = await connection.ledger.sweep({ most })
        if (answer.outcome === 'invalid') throw new RefusedError(answer.reason)
        done.expired += answer.expired
        done.cycles += answer.cycles
        more = answer.more
      }
      if (flags.given('json')) terminal.printJson(done)
      else terminal.print(`Ended ${done.expired} leases and ${done.cycles} cycles.\n`)
      return EXIT.done
    } finally {
      await connection.close()
    }
  },
}
