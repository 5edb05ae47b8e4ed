import { randomUUID } from 'node:crypto'
import type { JWK } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { startKeyServer, type KeyServer } from '../support/key-server.ts'
import { expectNoViolations } from '../support/seed.ts'
import { startProject, type Project } from './forge.ts'
import { setScene, type Scene } from './scene.ts'
import { openSupabaseCli, type SupabaseCli } from './supabase-cli.ts'

/** Tokens made by Supabase's own command line, as developers make them, against a whole guard. */

const nowhere = await startKeyServer()
const cli: SupabaseCli = openSupabaseCli(nowhere.url)
const unless = cli.missing === undefined ? '' : ` (${cli.missing})`
afterAll(async () => {
  cli.close()
  await nowhere.close()
})

describe.skipIf(cli.missing !== undefined).each<'ES256' | 'RS256'>(['ES256', 'RS256'])(`a token of the Supabase CLI, signed by %s${unless}`, (algorithm) => {
  let database: Database
  let server: KeyServer
  let project: Project
  let scene: Scene
  let key: JWK
  beforeAll(async () => {
    database = await createDatabase()
    project = await startProject(algorithm)
    server = project.server
    key = await cli.generateKey(algorithm)
    const { kty, kid, crv, x, y, n, e } = key
    server.serve({ keys: [JSON.parse(JSON.stringify({ kty, kid, crv, x, y, n, e, alg: algorithm, use: 'sig' })) as JWK] })
    scene = await setScene(database, project)
  })
  afterAll(async () => {
    await expectNoViolations(database)
    await scene.close()
    await server.close()
    await database.drop()
  })

  const flagsOf = ({ role = 'authenticated', sub = scene.user, payload = {}, more = [] }: { role?: string; sub?: string | null; payload?: object; more?: readonly string[] } = {}): string[] => {
    const claims = { iss: project.issuer, aud: 'authenticated', session_id: randomUUID(), is_anonymous: false, ...payload }
    return ['--role', role, ...(sub === null ? [] : ['--sub', sub]), '--payload', JSON.stringify(claims), ...more]
  }

  async function expectAnswer(token: string, status: number, problem?: string): Promise<void> {
    const [handled, reservations] = [scene.handled, await scene.countReservations()]
    for (const { name, send } of scene.ways) expect([name, await send(`Bearer ${token}`)]).toEqual([name, expect.objectContaining({ status, problem })])
    const expected = status === 200 ? scene.ways.length : 0
    expect([scene.handled - handled, (await scene.countReservations()) - reservations]).toEqual([expected, expected])
  }

  it('is admitted when it is a user of this project', async () => {
    await expectAnswer(await cli.generateToken(key, flagsOf()), 200)
  })

  it.each(['anon', 'service_role'])('is refused with --role %s', async (role) => {
    await expectAnswer(await cli.generateToken(key, flagsOf({ role })), 401, 'invalid-token')
  })

  // What does not hang on the algorithm is made once: the program takes its time to start.
  if (algorithm === 'ES256') {
    it.each<[string, () => string[], number, string]>([
      ['no --payload, so that neither iss nor aud are there', () => ['--role', 'authenticated', '--sub', scene.user], 401, 'invalid-token'],
      ['no --sub', () => flagsOf({ sub: null }), 401, 'invalid-token'],
      ['an end that is past', () => flagsOf({ more: ['--exp', '2020-01-01T00:00:00Z'] }), 401, 'invalid-token'],
      ['the issuer of another project', () => flagsOf({ payload: { iss: 'http://127.0.0.1:54321/auth/v1' } }), 401, 'invalid-token'],
      ['an anonymous user', () => flagsOf({ payload: { is_anonymous: true } }), 403, 'forbidden'],
      ['an OAuth client', () => flagsOf({ payload: { client_id: randomUUID() } }), 403, 'forbidden'],
    ])('is refused with %s', async (_case, flags, status, problem) => {
      await expectAnswer(await cli.generateToken(key, flags()), status, problem)
    })

    it('is refused when it is signed by the key that every installation of the CLI knows', async () => {
      await expectAnswer(await cli.generateToken(undefined, flagsOf()), 401, 'invalid-token')
    })

    it('is refused when it is signed by another key of the CLI', async () => {
      await expectAnswer(await cli.generateToken({ ...(await cli.generateKey(algorithm)), kid: key.kid as string }, flagsOf()), 401, 'invalid-token')
    })
  }

  it('was made without a word to anyone', () => {
    expect(nowhere.connections).toBe(0)
  })
})
