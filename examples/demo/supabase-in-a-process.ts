import { PGlite } from '@electric-sql/pglite'
import { assembleMigration } from '../../src/migration.ts'
import { startAuth, type Auth } from './auth-server.ts'

/** What the demo needs of a Supabase project, without one: its database, and its Auth server's part in access tokens. */
export interface SupabaseInAProcess {
  readonly database: PGlite
  readonly auth: Auth
  close(): Promise<void>
}

export async function startSupabase(): Promise<SupabaseInAProcess> {
  const database = await PGlite.create()
  await database.exec('create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;')
  await database.exec(assembleMigration())
  const auth = await startAuth()
  return {
    database,
    auth,
    async close() {
      await auth.close()
      await database.close()
    },
  }
}
