import { resolve } from 'node:path'
import { completeDatabaseConfig, type DatabaseConfig } from '../../migration.ts'
import { DATABASE_FLAG, JSON_FLAG, YES_FLAG, type Command, type Context } from '../command.ts'
import { applyFlags, CONFIG_FILE, CONFIG_FLAGS, readConfigFile } from '../config.ts'
import { openDatabase } from '../database.ts'
import { discoverConfig } from '../discovery.ts'
import { ConnectionError, DriverError } from '../exit.ts'
import { planConfig, planMigration, planSchema, renderMigration } from '../project.ts'
import { proposeFiles } from '../proposal.ts'
import { askSettings } from '../questions.ts'

export const init: Command = {
  name: 'init',
  takes: [],
  summary: 'write the settings and the migration',
  about: `Writes ${CONFIG_FILE} and supabase/migrations/<timestamp>_creditgate.sql, after a preview. Where DATABASE_URL is set it looks for your
own credit tables, subscription table and columns, proposes them, and at a terminal asks. Reads the database, changes nothing in it.
`,
  needs: 'files',
  flags: {
    ...CONFIG_FLAGS,
    dir: { value: '<folder>', help: 'the project that has supabase/; default: the current folder' },
    declarative: { help: 'write supabase/schemas/<nn>_creditgate.sql instead of a migration' },
    offline: { help: 'do not look into the database' },
    ...YES_FLAG,
    ...JSON_FLAG,
    ...DATABASE_FLAG,
  },
  examples: [
    'npx creditgate init && npx supabase db push',
    'npx creditgate init --type ai=AICredits --type export=ExportCredits --yes',
    'npx creditgate init --user-column user_id --status-column none --yes',
  ],
  async run(context) {
    const { flags, terminal, cwd } = context
    const folder = resolve(cwd, flags.text('dir') ?? '.')
    const config = await settle(context, folder)
    const migration = renderMigration(config)
    const settings = planConfig(folder, flags.text('config'), config)
    if (!flags.given('declarative')) return proposeFiles([settings, planMigration(folder, migration)], { flags, terminal, next: 'npx supabase db push' })
    return proposeFiles([settings, planSchema(folder, migration)], {
      flags,
      terminal,
      next: 'creditgate init, for the migration. A diff of schema files carries neither rows nor what is revoked on functions; the schema file tells it that these objects are meant to be there.',
    })
  },
}

/** Flags go over the file, the file over what was found, that over the defaults. */
async function settle({ flags, terminal, environment, cwd }: Context, folder: string): Promise<DatabaseConfig> {
  const file = readConfigFile(folder, flags.text('config'))
  if (flags.given('offline') || environment.databaseUrl === undefined) return applyFlags(file, flags)
  const database = await openDatabase(environment, cwd).catch((error: unknown) => {
    if (!(error instanceof ConnectionError)) throw error
    if (!(error instanceof DriverError)) throw new ConnectionError(`${error.message}. To do without it: --offline`, { cause: error })
    terminal.say(`Your own tables are not looked for: ${error.message}\n`)
    return undefined
  })
  if (database === undefined) return applyFlags(file, flags)
  try {
    const found = await discoverConfig(database, completeDatabaseConfig(applyFlags(file, flags)))
    terminal.say(found.notes.map((note) => `${note}\n`).join(''))
    const merged = applyFlags({ ...found.config, ...file, subscriptions: { ...found.config.subscriptions, ...file.subscriptions } }, flags)
    return terminal.interactive && !flags.given('yes') ? await askSettings(merged, { flags, terminal }) : merged
  } finally {
    await database.close()
  }
}
