import { expect, it } from 'vitest'
import { describeSchema } from '../support/catalog.ts'
import { createDatabase } from '../support/database.ts'

/**
 * What the migration makes of an empty project, as the catalog tells it: a change of it shows in review, also one that
 * nobody meant. Without the bodies of functions and views: those stand in sql/ as they are.
 */
it('a migrated database is what golden/schema.txt says', async () => {
  const database = await createDatabase()
  const schema = await describeSchema(database).finally(() => database.drop())
  await expect(`${schema}\n`, 'The schema has changed. If that was meant: npm run schema:golden, and commit what it writes').toMatchFileSnapshot('golden/schema.txt')
})
