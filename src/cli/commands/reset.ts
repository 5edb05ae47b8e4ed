import { randomUUID } from 'node:crypto'
import { DATABASE_FLAG, JSON_FLAG, YES_FLAG, type Command } from '../command.ts'
import { openLedger } from '../connection.ts'
import { EXIT, RefusedError } from '../exit.ts'
import { readUuid } from '../subject.ts'

export const reset: Command = {
  name: 'reset',
  takes: ['<subscription>', '<type>'],
  summary: 'begin a new cycle for its credits of one type',
  about: 'What was used goes back to 0 in each row that resets; rows that never reset (top-ups) are left alone.\n',
  needs: 'database or Data API',
  flags: { key: { value: '<key>', help: "once for a key: a billing period's id. Default: a new key, printed" }, ...YES_FLAG, ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate reset <subscription> ai --key in_1Q2w3e --yes'],
  async run({ arguments: [given, creditType = ''], flags, terminal, environment, cwd }) {
    const subscription = readUuid('<subscription>', given)
    const key = flags.text('key') ?? `creditgate-cli-${randomUUID()}`
    const connection = await openLedger(environment, cwd)
    try {
      if (!flags.given('yes') && !(await terminal.confirm(`Begin a new cycle for the ${creditType} credits of subscription ${subscription}?`))) throw new RefusedError('nothing was reset')
      const [answer] = await connection.ledger.reset([{ subscription, creditType, key }])
      if (answer?.outcome === 'not_found') throw new RefusedError(`there is no subscription ${subscription}`)
      if (answer?.outcome === 'invalid') throw new RefusedError(answer.reason)
      if (answer?.outcome !== 'reset') throw new RefusedError(`the database could not do it: ${answer?.outcome === 'failed' ? answer.code : 'no answer'}. The same command with --key ${key} is safe`)
      if (flags.given('json')) terminal.printJson({ ...answer, key })
      else terminal.print(`Reset ${answer.rows} ${answer.rows === 1 ? 'row' : 'rows'} of ${creditType} credits, key ${key}\n`)
      return EXIT.done
    } finally {
      await connection.close()
    }
  },
}
