import { randomUUID } from 'node:crypto'
import { DATABASE_FLAG, JSON_FLAG, YES_FLAG, type Command } from '../command.ts'
import { openDatabase, type Database } from '../database.ts'
import { EXIT, RefusedError, UsageError } from '../exit.ts'
import { readWhole } from '../flags.ts'
import { findNearest } from '../nearest.ts'
import { readUuid } from '../subject.ts'

export const grant: Command = {
  name: 'grant',
  takes: ['<subscription>', '<type>', '<amount>'],
  summary: 'add credits to a subscription',
  about: `Inserts one row into the credit table, as your own SQL would. A second grant adds a second row: give --id where it may be repeated.
`,
  needs: 'database',
  flags: {
    'reset-in-days': { value: '<n>', help: 'the credits come back every n days, 1 to 3650; default: never, a top-up' },
    id: { value: '<uuid>', help: 'the id of the new row; the same id again adds nothing. Default: a new one' },
    ...YES_FLAG,
    ...JSON_FLAG,
    ...DATABASE_FLAG,
  },
  examples: ['npx creditgate grant <subscription> ai 100', 'npx creditgate grant <subscription> lead 50 --reset-in-days 30 --yes'],
  async run({ arguments: [given, type = '', written = ''], flags, terminal, environment, cwd }) {
    const subscription = readUuid('<subscription>', given)
    const amount = readWhole('<amount>', written, { min: 1, max: 2_147_483_647 })
    const resetInDays = flags.whole('reset-in-days', { min: 1, max: 3650 })
    const id = flags.text('id') === undefined ? randomUUID() : readUuid('--id', flags.text('id'))
    const database = await openDatabase(environment, cwd)
    try {
      const table = await findTable(database, type)
      const [found] = await database.select<{ known: boolean }>('select creditgate.is_subscription($1::uuid) as known', [subscription])
      if (found?.known !== true) throw new RefusedError(`there is no subscription ${subscription}`)
      const what = `${amount} ${type} credits, ${resetInDays === undefined ? 'never reset' : `reset every ${resetInDays} days`}, to subscription ${subscription}`
      if (!flags.given('yes') && !(await terminal.confirm(`Add ${what}?`))) throw new RefusedError('nothing was added')
      const added = await database.execute(
        `insert into ${table} (id, allotted, used, resetindays, subscriptionid)
         values ($1::uuid, $2::int, 0, nullif($3, '')::int, $4::uuid) on conflict (id) do nothing returning id`,
        [id, String(amount), resetInDays === undefined ? '' : String(resetInDays), subscription],
      )
      if (flags.given('json')) terminal.printJson({ id, subscription, creditType: type, amount, resetInDays: resetInDays ?? null, added: added === 1 })
      else terminal.print(added === 1 ? `Added ${what}: row ${id}\n` : `Row ${id} is there already: nothing was added.\n`)
      return EXIT.done
    } finally {
      await database.close()
    }
  },
}

/** The table of a credit type, quoted. @throws UsageError when the database knows no such type. */
async function findTable(database: Database, type: string): Promise<string> {
  const types = await database.select<{ name: string; qualified: string }>("select t.name, format('%I.%I', t.table_schema, t.table_name) as qualified from creditgate.credit_types t order by t.name")
  const found = types.find(({ name }) => name === type)
  if (found !== undefined) return found.qualified
  const names = types.map(({ name }) => name)
  const nearest = findNearest(type, names)
  throw new UsageError(`there is no credit type "${type}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`} The database has ${names.join(', ')}`)
}
