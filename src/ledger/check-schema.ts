import { Deadline, toAbortSignal } from '../give-up.ts'
import { SCHEMA_VERSION } from '../schema-version.ts'
import { createVersionFault, LedgerFault } from './fault.ts'
import type { Timeouts } from '../timeouts.ts'
import type { Ledger } from './ledger.ts'

/**
 * Asks the database once whether it was migrated for this package and knows the credit types. Remembers only a yes: after
 * a no, the next call asks again, so that mending the database needs no restart.
 *
 * @returns a function that rejects with a `LedgerFault` whose message names what is missing and the command that mends it.
 */
export function createSchemaCheck(ledger: Pick<Ledger, 'version'>, creditTypes: readonly string[]): (times: Timeouts) => Promise<void> {
  let passed: Promise<void> | undefined

  async function check(times: Timeouts): Promise<void> {
    const deadline = new Deadline(times)
    const found = await ledger.version(toAbortSignal(deadline)).finally(() => deadline.end())
    if (found.version !== SCHEMA_VERSION) throw createVersionFault(found.version, SCHEMA_VERSION)
    const unknown = creditTypes.filter((type) => !found.creditTypes.includes(type))
    if (unknown.length > 0) {
      throw new LedgerFault(
        'set-up',
        'credit-type',
        `creditgate: the database has no credit type ${unknown.map((type) => `"${type}"`).join(', ')}; it has ${found.creditTypes.join(', ')}. ` +
          `Run "npx creditgate init --type ${unknown[0]}=<table>" and then "npx supabase db push", or leave it out of creditTypes.`,
      )
    }
  }

  return (times) => {
    passed ??= check(times).catch((error: unknown) => {
      passed = undefined
      throw error
    })
    return passed
  }
}
