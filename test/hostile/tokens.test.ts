import type { ProblemName } from 'creditgate'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import { supabaseJwt } from '../../src/identity/supabase-jwt.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { startKeyServer } from '../support/key-server.ts'
import { expectNoViolations } from '../support/seed.ts'
import { listClaimForgeries } from './claim-forgeries.ts'
import { createTokenOfLength, listEncodingForgeries } from './encoding-forgeries.ts'
import { startProject, type Forgery, type Project, type ProjectAlgorithm } from './forge.ts'
import { listHeaderForgeries } from './header-forgeries.ts'
import { setScene, type Answer, type Scene } from './scene.ts'
import { listSignatureForgeries } from './signature-forgeries.ts'

/** Every row of the contract about tokens, against hundreds that break it: exact answer, no row, no handler. */

const canary = await startKeyServer()
const FORGERIES: readonly Forgery[] = [...listSignatureForgeries(), ...listEncodingForgeries(), ...listHeaderForgeries(canary.url), ...listClaimForgeries(canary.url)]
const ROWS = [...new Set(FORGERIES.map(({ row }) => row))]
const isFor = (algorithm: ProjectAlgorithm) => (forgery: Forgery) => forgery.projects?.includes(algorithm) ?? true

const ANSWERS: Partial<Record<ProblemName, Answer>> = {
  'unauthenticated': { status: 401, problem: 'unauthenticated', challenge: 'Bearer' },
  'invalid-token': { status: 401, problem: 'invalid-token', challenge: 'Bearer error="invalid_token"' },
  'invalid-request': { status: 400, problem: 'invalid-request', challenge: null },
  'forbidden': { status: 403, problem: 'forbidden', challenge: null },
}
const ADMITTED: Answer = { status: 200, problem: undefined, challenge: null }

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(async () => {
  await database.drop()
  await canary.close()
})

it('there are enough of them, all different, against every row', () => {
  const [distinct, counts] = [new Set(FORGERIES.map(({ row, name }) => `${row}: ${name}`)), ROWS.map((row): [string, number] => [row, FORGERIES.filter((one) => one.row === row).length])]
  console.info(`forged tokens: ${FORGERIES.length}, ${counts.map(([row, count]) => `${row} ${count}`).join(', ')}`)
  expect(distinct.size).toBe(FORGERIES.length)
  expect(FORGERIES.length).toBeGreaterThanOrEqual(600)
  expect(ROWS.sort()).toEqual(
    ['API keys', 'ID tokens', 'OAuth clients', 'algorithms', 'anonymous users', 'at most 8 KiB', 'aud', 'client_id', 'compact form', 'exp', 'headers', 'iat', 'is_anonymous', 'iss', 'nbf', 'role', 'session_id', 'signatures', 'sub'],
  )
})

describe.each<ProjectAlgorithm>(['ES256', 'RS256', 'HS256'])('a project that signs by %s', (algorithm) => {
  let project: Project
  let scene: Scene
  beforeAll(async () => {
    project = await startProject(algorithm)
    scene = await setScene(database, project)
  })
  afterAll(async () => {
    await scene.close()
    await project.server.close()
  })

  const createGood = (): string => `Bearer ${project.createToken({ sub: scene.user })}`

  it.each(ROWS.filter((row) => FORGERIES.some((forgery) => forgery.row === row && isFor(algorithm)(forgery))))('refuses what breaks its row on %s, and admits good tokens before, between and after', async (row) => {
    const forgeries = FORGERIES.filter((forgery) => forgery.row === row && isFor(algorithm)(forgery))
    const kept = createGood()
    const [handled, reservations] = [scene.handled, await scene.countReservations()]
    let admitted = 0
    const wrong: unknown[] = []
    for (const { name, send } of scene.ways) {
      const expectAdmitted = async (authorization: string) => {
        admitted += 1
        expect(await send(authorization)).toEqual(ADMITTED)
      }
      await expectAdmitted(kept)
      for (const [index, forgery] of forgeries.entries()) {
        const answer = await send(forgery.authorization(project))
        // What Node's parser would not take from a client reaches a guard through its gate alone.
        if (answer === undefined ? name === 'the gate' : !isDeepEqual(answer, ANSWERS[forgery.answer])) wrong.push([name, forgery.name, answer])
        if (index % 25 === 12) await expectAdmitted(createGood())
      }
      await expectAdmitted(kept)
      await expectAdmitted(createGood())
    }
    expect(wrong).toEqual([])
    expect([scene.handled - handled, (await scene.countReservations()) - reservations]).toEqual([admitted, admitted])
    expect(scene.events.filter(({ type }) => type === 'fault')).toEqual([])
  })

  it('admits a token of 8 KiB exactly', async () => {
    const identity = supabaseJwt({ url: project.url, ...(algorithm === 'HS256' && { secret: project.secret }) })
    const token = createTokenOfLength(project, 8192)
    expect(await identity.verify(token)).toMatchObject({ outcome: 'verified' })
    expect(await identity.verify(createTokenOfLength(project, 8193))).toEqual({ outcome: 'rejected' })
  })

  it('does not push a good token out of its memory for any of them', async () => {
    const identity = supabaseJwt({ url: project.url, cacheSize: 1, ...(algorithm === 'HS256' && { secret: project.secret }) })
    const kept = project.createToken()
    expect(await identity.verify(kept)).toMatchObject({ outcome: 'verified' })
    const checked = vi.spyOn(crypto.subtle, 'verify')
    try {
      for (const forgery of FORGERIES.filter(isFor(algorithm)).filter(({ answer }) => answer === 'invalid-token')) await identity.verify(forgery.authorization(project).replace('Bearer ', ''))
      checked.mockClear()
      expect(await identity.verify(kept)).toMatchObject({ outcome: 'verified' })
      expect(checked).not.toHaveBeenCalled()
    } finally {
      checked.mockRestore()
    }
  })

  it('asks for its keys once or twice, and whoever a token names not at all', () => {
    // Once for the first token; a key id that is not known asks again, once in 30 seconds.
    const identities = 3
    expect(project.server.requests).toBeLessThanOrEqual(algorithm === 'HS256' ? 0 : identities * 2)
    expect(canary.requests).toBe(0)
  })
})

function isDeepEqual(one: Answer, other: Answer | undefined): boolean {
  return one.status === other?.status && one.problem === other.problem && one.challenge === other.challenge
}
