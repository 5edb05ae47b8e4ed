import { createFault, LedgerFault } from '../ledger/fault.ts'
import { readPackageVersion } from '../package-version.ts'
import { HELP_FLAG, type Command } from './command.ts'
import { COMMANDS } from './commands.ts'
import { describeFailure } from './database.ts'
import { readEnvironment } from './environment.ts'
import { ConnectionError, EXIT, RefusedError, UsageError } from './exit.ts'
import { readFlags } from './flags.ts'
import { renderHelp, renderOverview } from './help.ts'
import { findNearest } from './nearest.ts'
import { createMask } from './secrets.ts'
import { createTerminal, type Io } from './terminal.ts'

/** Runs the command line. Returns the exit code: 0 done, 1 not done, 2 wrong usage, 3 cannot connect. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  // Until the environment is read nothing of it is known, and so nothing of it can be printed.
  let mask = createMask([])
  const terminal = createTerminal(io, (text) => mask(text))
  try {
    if (args[0] === '--version') return print(`${readPackageVersion()}\n`)
    if (args[0] === '--help' || args[0] === '-h' || (args[0] === 'help' && args.length === 1)) return print(renderOverview(COMMANDS))
    const asked = args[0] === 'help' ? [...args.slice(1), '--help'] : args
    const command = findCommand(asked)
    const { flags, positionals } = readFlags(asked.slice(command.name.split(' ').length), { ...command.flags, ...HELP_FLAG })
    if (flags.given('help')) return print(renderHelp(command))
    checkArguments(command, positionals)
    const environment = readEnvironment(io.env, io.cwd, 'db-url-env' in command.flags ? flags.text('db-url-env') : undefined)
    mask = createMask(environment.secrets)
    return await command.run({ arguments: positionals, flags, terminal, environment, cwd: io.cwd })
  } catch (error) {
    const [code, message] = describe(error)
    terminal.say(`creditgate: ${message.replace(/^creditgate: /, '')}\n${code === EXIT.wrongUsage ? `Try: creditgate ${nameCommand(args)}--help\n` : ''}`)
    return code
  } finally {
    terminal.close()
  }

  function print(text: string): number {
    terminal.print(text)
    return EXIT.done
  }
}

function describe(error: unknown): readonly [number, string] {
  if (error instanceof UsageError || (error instanceof TypeError && error.message.startsWith('creditgate: '))) return [EXIT.wrongUsage, error.message]
  if (error instanceof ConnectionError) return [EXIT.notConnected, error.message]
  if (error instanceof RefusedError || error instanceof LedgerFault) return [EXIT.notDone, error.message]
  const { code } = error as { readonly code?: unknown }
  const fault = typeof code === 'string' ? createFault(code, describeFailure(error)) : undefined
  return [EXIT.notDone, fault?.kind === 'set-up' ? fault.message : describeFailure(error)]
}

function findCommand(args: readonly string[]): Command {
  const found = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => args[index] === word))
  if (found !== undefined) return found
  const [first] = args
  if (first === undefined) throw new UsageError(`which command? One of ${COMMANDS.map(({ name }) => name).join(', ')}`)
  if (first.startsWith('-')) throw new UsageError(`the command comes first, then its flags: creditgate <command> ${first}`)
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  if (group.length > 0) throw new UsageError(`${first} what? ${group.map(({ name }) => name).join(', ')}`)
  const nearest = findNearest(first, COMMANDS.map(({ name }) => name))
  throw new UsageError(`there is no command "${first}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`)
}

function checkArguments({ name, takes }: Command, given: readonly string[]): void {
  const [missing] = takes.slice(given.length)
  if (missing !== undefined) throw new UsageError(`creditgate ${name} needs ${takes.join(' ')}: ${missing} is missing`)
  const [unexpected] = given.slice(takes.length)
  if (unexpected !== undefined) throw new UsageError(`unexpected argument "${unexpected}"`)
}

/** The command that was meant, where one was found, with a space behind it. */
function nameCommand(args: readonly string[]): string {
  const found = COMMANDS.find(({ name }) => name.split(' ').every((word, index) => args[index] === word))
  return found === undefined ? '' : `${found.name} `
}
