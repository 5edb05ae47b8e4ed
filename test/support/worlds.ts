import { createDatabase, type Database } from './database.ts'

/**
 * What a new object of the role `postgres` is granted before anyone says otherwise. Both of the first kinds of Supabase
 * project are in use; the third nobody ships, but anyone can make, and it shows a revoke that is missing.
 *
 * - `classic`: all on what is made in `public`, to anon, authenticated and service_role, beside Postgres' own defaults.
 * - `hardened`: nothing that the Data API could use, not even to service_role. What else it grants on tables (truncate, references, trigger) stays.
 * - `open`: all on everything, in every schema, to everyone.
 */
export const WORLDS = ['classic', 'hardened', 'open'] as const
export type World = (typeof WORLDS)[number]

const DEFAULTS: Readonly<Record<World, string>> = {
  classic: 'select',
  hardened: `
    alter default privileges in schema public revoke select, insert, update, delete on tables from anon, authenticated, service_role;
    alter default privileges in schema public revoke usage, select on sequences from anon, authenticated, service_role;
    alter default privileges in schema public revoke execute on functions from anon, authenticated, service_role;
    alter default privileges revoke execute on functions from public;`,
  open: `
    alter default privileges grant all on schemas to public, anon, authenticated, service_role;
    alter default privileges grant all on tables to public, anon, authenticated, service_role;
    alter default privileges grant all on sequences to public, anon, authenticated, service_role;
    alter default privileges grant all on functions to public, anon, authenticated, service_role;
    alter default privileges grant all on types to public, anon, authenticated, service_role;`,
}

/** A bare project of that world. */
export async function createProject(world: World, port?: number): Promise<Database> {
  const database = await createDatabase('project', port)
  await database.query(DEFAULTS[world])
  return database
}
