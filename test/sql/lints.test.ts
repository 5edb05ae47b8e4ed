import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { LINTS } from './lints.ts'

/** What Supabase's advisors look for, also those that its CLI lacks, said by queries of our own. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())

describe.each(LINTS)('$name', ({ offenders, fault, finds }) => {
  it('holds', async () => {
    expect(await database.query(offenders)).toEqual([])
  })

  it('is seen to be broken by a seeded fault', async () => {
    const client = await database.pool.connect()
    try {
      await client.query('begin')
      await client.query(fault)
      expect((await client.query<{ name: string }>(offenders)).rows.map(({ name }) => name)).toContain(finds)
    } finally {
      await client.query('rollback')
      client.release()
    }
  })
})
