import type { Command } from '../command.ts'
import { applyFlags, CONFIG_FLAGS, readConfigFile } from '../config.ts'
import { EXIT } from '../exit.ts'
import { renderMigration } from '../project.ts'

export const sql: Command = {
  name: 'sql',
  takes: [],
  summary: 'print the migration',
  about: 'Prints the migration and changes nothing. It is safe to run again, also over an earlier version.\n',
  needs: 'files',
  flags: CONFIG_FLAGS,
  examples: ['npx creditgate sql | psql "$DATABASE_URL"', 'npx creditgate sql --user-column user_id --status-column none'],
  run({ flags, terminal, cwd }) {
    terminal.print(renderMigration(applyFlags(readConfigFile(cwd, flags.text('config')), flags)))
    return Promise.resolve(EXIT.done)
  },
}
