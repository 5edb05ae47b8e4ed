import { createGuard, postgresLedger } from 'creditgate'
import pg from 'pg'
import { expect, it } from 'vitest'
import { createDatabase } from '../support/database.ts'
import { HAS_PGBOUNCER, startPgBouncer } from '../support/pgbouncer.ts'
import { addCredits, createAccount, expectNoViolations, readUsed } from '../support/seed.ts'

/** Transaction pooling: each statement may meet another connection, and settings, locks and statements of one are not kept. */
it.skipIf(!HAS_PGBOUNCER).each([true, false])('through a transaction pooler of 3 connections exactly 50 of 300 win, group commit: %s (needs pgbouncer)', async (groupCommit) => {
  const database = await createDatabase()
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 50 })
  const bouncer = await startPgBouncer(database.url, { poolSize: 3 })
  const pool = new pg.Pool({ connectionString: bouncer.url, max: 20 })
  pool.on('error', () => undefined)
  try {
    const identity = { verify: (token: string) => Promise.resolve({ outcome: 'verified' as const, user: { id: token, anonymous: false, clientId: undefined, claims: {} } }) }
    const guard = createGuard({ identity, ledger: postgresLedger(pool), groupCommit })
    const gate = guard.requireCredits<object>('ai', 1)
    const admissions = await Promise.all(Array.from({ length: 300 }, () => gate.admit({ method: 'POST', authorization: `Bearer ${account.user}`, context: {} })))
    const admitted = admissions.filter((admission) => admission.outcome === 'admitted')
    expect(admitted).toHaveLength(50)
    expect(admissions.filter((admission) => admission.outcome === 'denied' && admission.problem.status !== 402)).toEqual([])
    // Half of them are charged.
    await Promise.all(admitted.map((admission, place) => admission.settle({ status: place % 2 === 0 ? 200 : 500, threw: false, ended: 'finished', started: true })))
    expect(await guard.close()).toBe(0)
    expect(await readUsed(database, row)).toBe(25)
    await expectNoViolations(database)
  } finally {
    await pool.end()
    await bouncer.stop()
    await database.drop()
  }
})
