import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { completeDatabaseConfig } from '../../migration.ts'
import { JSON_FLAG, YES_FLAG, type Command } from '../command.ts'
import { CONFIG_FILE, readConfigFile, readType } from '../config.ts'
import { RefusedError } from '../exit.ts'
import { planConfig, planMigration, renderMigration } from '../project.ts'
import { proposeFiles } from '../proposal.ts'

export const typesAdd: Command = {
  name: 'types add',
  takes: ['<name>=<table>'],
  summary: 'add a credit type: settings and a new migration',
  about: `Adds the type to ${CONFIG_FILE} and writes a new migration, which creates the table where it is missing. The server is told of it by
creditTypes in createGuard().
`,
  needs: 'files',
  flags: { dir: { value: '<folder>', help: 'the project that has supabase/; default: the current folder' }, ...YES_FLAG, ...JSON_FLAG },
  examples: ['npx creditgate types add export=ExportCredits && npx supabase db push'],
  async run({ arguments: [given = ''], flags, terminal, cwd }) {
    const folder = resolve(cwd, flags.text('dir') ?? '.')
    const [name, table] = readType('the type', given)
    // Without the file nobody knows which types the database has, and a migration of the default ones would be wrong.
    if (!existsSync(join(folder, CONFIG_FILE))) throw new RefusedError(`there is no ${CONFIG_FILE} in ${folder}: run creditgate init first, with the settings the database was made with`)
    const config = completeDatabaseConfig(readConfigFile(folder, undefined))
    const present = config.creditTypes[name]
    if (present !== undefined && present !== table) throw new RefusedError(`the credit type ${name} stands on ${present} already`)
    const extended = { ...config, creditTypes: { ...config.creditTypes, [name]: table } }
    return proposeFiles([planConfig(folder, undefined, extended), planMigration(folder, renderMigration(extended))], { flags, terminal, next: 'npx supabase db push' })
  },
}
