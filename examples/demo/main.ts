import { parseArgs } from 'node:util'
import { createGuard, postgresLedger, supabaseJwt, type GuardEvent } from 'creditgate'
import { createAccount } from './accounts.ts'
import { openBooks } from './books.ts'
import { holdHostLog } from './host-log.ts'
import { startExamples } from './running-examples.ts'
import { runScenarios } from './run.ts'
import { createScenarios, GRANTS } from './scenarios.ts'
import { describeCurlCalls, waitForInterrupt } from './serving.ts'
import { startSupabase } from './supabase-in-a-process.ts'

const USAGE = 'usage: npm run demo [-- --serve]\n  --serve  stay up after the run, with calls to try, until Ctrl-C'

interface Flags {
  readonly serve: boolean
}

function readFlags(): Flags | undefined {
  try {
    return parseArgs({ options: { serve: { type: 'boolean', default: false } } }).values
  } catch (error) {
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}\n${USAGE}`)
    return undefined
  }
}

/** Returns whether everything was as it should be. */
async function runDemo({ serve }: Flags): Promise<boolean> {
  console.log("creditgate: calls to three paid routes over real HTTP, and what each did to one user's credits in Postgres.\n")
  const troubles: GuardEvent[] = []
  const supabase = await startSupabase()
  const guard = createGuard({
    identity: supabaseJwt({ url: supabase.auth.url }),
    ledger: postgresLedger(supabase.database),
    onEvent: (event) => {
      if (event.type === 'fault' || event.type === 'unsettled') troubles.push(event)
    },
  })
  const examples = await startExamples(guard)
  const log = holdHostLog()
  let right = false
  try {
    const account = await createAccount(supabase.database, GRANTS)
    const books = openBooks(supabase.database, account)
    const { calls, wrong } = await runScenarios(await createScenarios(supabase, examples, account), books, console.log)
    console.log(`\n${calls - wrong} of ${calls} calls are as they should be in the database.`)
    if (serve) {
      console.log(`\nStill up. In another terminal:\n\n${await describeCurlCalls(supabase, examples)}\n`)
      console.log('[stall], [break] or [refuse] in the prompt brings trouble. Ctrl-C here stops the demo.\n')
      await waitForInterrupt()
    }
    await examples.close()
    const open = await books.countLeftOpen()
    const unsettled = await guard.close()
    const violations = await books.countViolations()
    console.log(`Everything is closed; reservations left open: ${open}; rows in creditgate.violations: ${violations}.`)
    right = wrong + unsettled + open + violations + troubles.length === 0
    return right
  } finally {
    const written = log.release()
    if (!right) console.error('Not all is as it should be. What the guard and the servers logged (a stream breaks on purpose):', ...troubles, ...written)
    await examples.close()
    await supabase.close()
  }
}

const flags = readFlags()
if (flags === undefined) process.exitCode = 2
else process.exitCode = (await runDemo(flags)) ? 0 : 1
