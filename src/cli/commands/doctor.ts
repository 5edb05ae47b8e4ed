import { completeDatabaseConfig } from '../../migration.ts'
import { LedgerFault } from '../../ledger/fault.ts'
import { DATABASE_FLAG, JSON_FLAG, type Command, type Context } from '../command.ts'
import { readConfigFile } from '../config.ts'
import { createDataApiLedger } from '../data-api.ts'
import { openDatabase } from '../database.ts'
import { examine } from '../doctor/examination.ts'
import { createFinding, type Finding } from '../doctor/finding.ts'
import { renderReport } from '../doctor/report.ts'
import { checkVersion } from '../doctor/schema-check.ts'
import type { Environment } from '../environment.ts'
import { ConnectionError, EXIT } from '../exit.ts'

export const doctor: Command = {
  name: 'doctor',
  takes: [],
  summary: 'look for what is wrong, and say how to mend it',
  about: `Looks at the schema's version, the grants of our functions, who can change your own credit tables, indexes, rows that nobody can
spend, figures that do not add up, reservations that are stuck, clocks and durability. Each finding has a severity (ok, info,
warning, error), what it means, and the SQL that mends it. Nothing is changed. Over the Data API it sees the version alone.
`,
  needs: 'database or Data API',
  flags: { config: { value: '<file>', help: 'the settings of a database that is not set up yet; default: creditgate.json' }, ...JSON_FLAG, ...DATABASE_FLAG },
  examples: ['npx creditgate doctor', 'npx creditgate doctor --json | jq -r \'.findings[] | select(.severity == "error") | .sql\''],
  async run(context) {
    const { flags, terminal } = context
    const { findings, code } = await diagnose(context)
    if (flags.given('json')) terminal.printJson({ errors: findings.filter(({ severity }) => severity === 'error').length, findings })
    else terminal.print(renderReport(findings, terminal.paint))
    return code
  },
}

async function diagnose({ flags, environment, cwd }: Context): Promise<{ readonly findings: readonly Finding[]; readonly code: number }> {
  const config = completeDatabaseConfig(readConfigFile(cwd, flags.text('config')))
  try {
    const findings = environment.databaseUrl === undefined && environment.dataApi !== undefined ? await examineDataApi(environment.dataApi) : await examineDirectly()
    return { findings, code: findings.some(({ severity }) => severity === 'error') ? EXIT.notDone : EXIT.done }
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error
    return { findings: [createFinding('connection', 'error', error.message)], code: EXIT.notConnected }
  }

  async function examineDirectly(): Promise<readonly Finding[]> {
    const database = await openDatabase(environment, cwd)
    try {
      return await examine(database, config)
    } finally {
      await database.close()
    }
  }
}

async function examineDataApi(dataApi: NonNullable<Environment['dataApi']>): Promise<readonly Finding[]> {
  const rest = createFinding('connection', 'info', 'only the version can be seen through the Data API', { means: 'Grants, tables and rows are looked at over a direct connection: set DATABASE_URL.' })
  try {
    return [createFinding('connection', 'ok', `the Data API at ${dataApi.url}`), ...checkVersion((await createDataApiLedger(dataApi).version()).version), rest]
  } catch (error) {
    if (!(error instanceof LedgerFault)) throw error
    if (error.kind === 'set-up') return [createFinding('schema', 'error', error.message.replace(/^creditgate: /, '')), rest]
    throw new ConnectionError(error.message.replace(/^creditgate: /, ''), { cause: error })
  }
}
