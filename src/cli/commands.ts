import type { Command } from './command.ts'
import { balance } from './commands/balance.ts'
import { doctor } from './commands/doctor.ts'
import { grant } from './commands/grant.ts'
import { history } from './commands/history.ts'
import { init } from './commands/init.ts'
import { prune } from './commands/prune.ts'
import { reset } from './commands/reset.ts'
import { reverse } from './commands/reverse.ts'
import { sql } from './commands/sql.ts'
import { sweep } from './commands/sweep.ts'
import { typesAdd } from './commands/types-add.ts'

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [init, sql, typesAdd, doctor, balance, history, grant, reset, reverse, sweep, prune]
