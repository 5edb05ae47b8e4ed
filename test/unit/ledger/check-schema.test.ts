import { expect, it, vi, type Mock } from 'vitest'
import { createSchemaCheck } from '../../../src/ledger/check-schema.ts'
import { LedgerFault } from '../../../src/ledger/fault.ts'
import type { Ledger, SchemaVersion } from '../../../src/ledger/ledger.ts'
import { SCHEMA_VERSION } from '../../../src/schema-version.ts'
import { createSharedTimeouts } from '../../../src/timeouts.ts'
import { createScriptedLedger } from '../scripted-ledger.ts'

const good: SchemaVersion = { version: SCHEMA_VERSION, creditTypes: ['ai', 'lead', 'skipTrace', 'export'] }
const times = createSharedTimeouts(1000)

function createLedger(...answers: (SchemaVersion | Error)[]): { readonly ledger: Ledger; readonly version: Mock<Ledger['version']> } {
  const version = vi.fn<Ledger['version']>()
  for (const answer of answers) {
    if (answer instanceof Error) version.mockRejectedValueOnce(answer)
    else version.mockResolvedValueOnce(answer)
  }
  return { ledger: { ...createScriptedLedger(), version }, version }
}

it('asks once, and remembers a yes for all who ask, also at the same time', async () => {
  const { ledger, version } = createLedger(good)
  const check = createSchemaCheck(ledger, ['ai', 'lead'])
  await Promise.all([check(times), check(times)])
  await check(times)
  expect(version).toHaveBeenCalledExactlyOnceWith(expect.any(AbortSignal))
})

it('asks again after a no, so that mending the database needs no restart', async () => {
  const { ledger } = createLedger({ ...good, version: SCHEMA_VERSION - 1 }, new LedgerFault('unknown', '', 'fetch failed'), good)
  const check = createSchemaCheck(ledger, ['ai'])
  await expect(check(times)).rejects.toMatchObject({ kind: 'set-up', code: 'schema-version' })
  await expect(check(times)).rejects.toMatchObject({ kind: 'unknown' })
  await expect(check(times)).resolves.toBeUndefined()
})

it('refuses a newer schema too', async () => {
  await expect(createSchemaCheck(createLedger({ ...good, version: SCHEMA_VERSION + 1 }).ledger, ['ai'])(times)).rejects.toThrow(/newer/)
})

it('names each credit type that the database does not have, and those that it has', async () => {
  const check = createSchemaCheck(createLedger({ ...good, creditTypes: ['ai'] }).ledger, ['ai', 'video', 'audio'])
  await expect(check(times)).rejects.toThrow(/"video", "audio"; it has ai\..*--type video=<table>/)
})
