import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { assembleMigration } from '../../src/migration.ts'
import { ownerUrl, superuserUrl, TEMPLATES } from '../support/cluster.ts'

/** Where the Postgres listens that was started for all runs. */
export const PORT_VARIABLE = 'CREDITGATE_MUTANTS_PORT'

/** Makes the template anew from the SQL beside it, which differs from run to run. */
export default async function setup(project: TestProject): Promise<void> {
  const port = Number(process.env[PORT_VARIABLE])
  await execute(superuserUrl(port, 'postgres'), `drop database ${TEMPLATES.migrated} with (force)`)
  await execute(superuserUrl(port, 'postgres'), `create database ${TEMPLATES.migrated} template ${TEMPLATES.project} owner postgres`)
  await execute(ownerUrl(port, TEMPLATES.migrated), assembleMigration())
  project.provide('postgresPort', port)
}

async function execute(connectionString: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
