import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LedgerFault } from 'creditgate'
import { createMemoryLedger, createTestClock, ledgerScenarios, type LedgerBench } from 'creditgate/testing'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'
import { createBooks } from '../support/books.ts'
import { LEDGERS, type LedgerFixture } from '../support/ledgers.ts'

/** What every ledger does, whatever carries its calls. */

describe('a ledger in memory', () => {
  const clock = createTestClock()
  const ledger = createMemoryLedger({ clock })
  it.each(ledgerScenarios)('$name', ({ run }) => run({ ledger, books: ledger }))
})

describe.each(Object.entries(LEDGERS))('a ledger over %s', (_name, open) => {
  let fixture: LedgerFixture
  let bench: LedgerBench
  beforeAll(async () => {
    fixture = await open()
    bench = { ledger: fixture.ledger, books: createBooks(fixture.database) }
  })
  afterAll(() => fixture.close())

  it.each(ledgerScenarios)('$name', ({ run }) => run(bench))

  it('is of this schema version and has the three credit types', async () => {
    expect(await fixture.ledger.version()).toEqual({ version: SCHEMA_VERSION, creditTypes: ['ai', 'lead', 'skipTrace'] })
  })

  it('says that the database is not set up, and with which command to do it', async () => {
    await fixture.database.query('alter function public.creditgate_version() rename to creditgate_version_away')
    await fixture.database.query("notify pgrst, 'reload schema'")
    try {
      await expect
        .poll(() => fixture.ledger.version().catch((error: unknown) => error), { timeout: 5_000 })
        .toSatisfy((fault: unknown) => fault instanceof LedgerFault && fault.kind === 'set-up' && fault.message.includes('npx creditgate init'))
    } finally {
      await fixture.database.query('alter function public.creditgate_version_away() rename to creditgate_version')
      await fixture.database.query("notify pgrst, 'reload schema'")
    }
  })
})
