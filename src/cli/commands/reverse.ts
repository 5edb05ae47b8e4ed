import { DATABASE_FLAG, JSON_FLAG, YES_FLAG, type Command } from '../command.ts'
import { openLedger } from '../connection.ts'
import { EXIT, RefusedError, UsageError } from '../exit.ts'
import { readWhole } from '../flags.ts'
import type { Amounts, ReverseAnswer } from '../../ledger/ledger.ts'
import { readUuid } from '../subject.ts'
import { renderAmounts } from './history.ts'

const MOST = 2_147_483_647

export const reverse: Command = {
  name: 'reverse',
  takes: ['<reservation>'],
  summary: 'give credits back after a charge',
  about: `The id is that of the response's Credits-Reservation header, and of creditgate history. Credits go back to the rows they came from,
unless such a row has begun a new cycle.
`,
  needs: 'database or Data API',
  flags: {
    amount: { value: '<n>', multiple: true, help: 'how many, or <type>=<n>, repeated, where several types were charged. Default: all that is left' },
    key: { value: '<key>', help: 'once for a key; the same key again gives nothing twice. Default: creditgate-cli' },
    ...YES_FLAG,
    ...JSON_FLAG,
    ...DATABASE_FLAG,
  },
  examples: ['npx creditgate reverse 0d6f3b8e-2a11-4f0c-9d3c-6f1c2f5e8a0e --key ticket-4711', 'npx creditgate reverse <reservation> --amount ai=2 --amount lead=10 --yes'],
  async run({ arguments: [given], flags, terminal, environment, cwd }) {
    const id = readUuid('<reservation>', given)
    const amounts = readAmounts(flags.list('amount'))
    const key = flags.text('key') ?? 'creditgate-cli'
    const connection = await openLedger(environment, cwd)
    try {
      const what = amounts === undefined ? 'all that is left' : typeof amounts === 'number' ? String(amounts) : renderAmounts(amounts)
      if (!flags.given('yes') && !(await terminal.confirm(`Give back ${what} of reservation ${id}?`))) throw new RefusedError('nothing was given back')
      const [answer] = await connection.ledger.reverse([{ id, key, ...(amounts === undefined ? {} : { amounts }) }])
      if (answer?.outcome !== 'reversed') throw new RefusedError(explain(answer, id, key))
      if (flags.given('json')) terminal.printJson({ ...answer, key })
      else terminal.print(`Reversed ${renderAmounts(answer.amounts)}, returned ${renderAmounts(answer.returned)}, key ${key}\n`)
      return EXIT.done
    } finally {
      await connection.close()
    }
  },
}

function explain(answer: Exclude<ReverseAnswer, { outcome: 'reversed' }> | undefined, id: string, key: string): string {
  switch (answer?.outcome) {
    case 'not_found':
      return `there is no reservation ${id}`
    case 'refunded':
    case 'expired':
      return `reservation ${id} is ${answer.outcome}: it was not charged`
    case 'exceeds':
      return `that is more than was charged: ${renderAmounts(answer.amounts)} can be given back`
    case 'conflict':
      return answer.state === 'open' ? `reservation ${id} is still open` : `another amount was given back under the key ${key}: give another --key`
    case 'invalid':
      return answer.reason
    default:
      return `the database could not do it: ${answer?.code ?? 'no answer'}. The same command again is safe`
  }
}

/** A plain number, or a number for each type. */
function readAmounts(given: readonly string[] | undefined): number | Amounts | undefined {
  const [first, second] = given ?? []
  if (first === undefined) return undefined
  if (second === undefined && !first.includes('=')) return readWhole('--amount', first, { min: 0, max: MOST })
  return Object.fromEntries(
    (given ?? []).map((each) => {
      const [type = '', amount, more] = each.split('=')
      if (type === '' || amount === undefined || more !== undefined) throw new UsageError(`--amount is given as <n>, or as <type>=<n> for each of several types, not "${each}"`)
      return [type, readWhole('--amount', amount, { min: 0, max: MOST })]
    }),
  )
}
