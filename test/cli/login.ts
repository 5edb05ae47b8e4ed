import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { superuserUrl } from '../support/cluster.ts'
import type { Database } from '../support/database.ts'
import { keepSecret } from './program.ts'

/** A role of this test's own that may do what the project's owner may, with a password that no output may show. */
export interface Login {
  readonly url: string
  readonly role: string
  drop(): Promise<void>
}

export async function createLogin(database: Database): Promise<Login> {
  const port = inject('postgresPort')
  const role = `keeper_${randomBytes(6).toString('hex')}`
  const password = keepSecret(`hush/${randomBytes(9).toString('hex')}@1`)
  keepSecret(encodeURIComponent(password))
  const asSuperuser = async (statement: string) => {
    const client = new pg.Client({ connectionString: superuserUrl(port, 'postgres') })
    await client.connect()
    await client.query(statement).finally(() => client.end())
  }
  await asSuperuser(`create role ${role} login inherit password '${password}' in role postgres`)
  const url = `postgresql://${role}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database.name}`
  return { url, role, drop: () => asSuperuser(`drop role ${role}`) }
}
