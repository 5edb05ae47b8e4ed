import type pg from 'pg'
import type { Contender } from './contender.ts'

/** Makes its own tables in the database of the pool. */
export type CreatePeer = (options: { readonly pool: pg.Pool }) => Promise<Contender>

/** By name, so that the rest of the bench compiles and runs where the peers are not installed. */
export async function loadPeer(name: 'better-auth' | 'rate-limiter-flexible'): Promise<CreatePeer> {
  const module = (await import(new URL(`peers/${name}.ts`, import.meta.url).href)) as { readonly createPeer: CreatePeer }
  return module.createPeer
}
