import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount, endLease, expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes, type State } from './scene.ts'

/** Attempts at one idempotency key: at most one of them is charged, and one runs at a time. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterEach(() => expectNoViolations(database))
afterAll(() => database.drop())
const { call } = createScenes(() => database)

const idempotency = { key: 'k', fingerprint: 'f' }

async function arrangeAttempt(state: Exclude<State, 'no row' | 'tombstone'>) {
  const account = await createAccount(database)
  const row = await addCredits(database, account, { allotted: 100 })
  const id = randomUUID()
  const attempt = (overrides: Record<string, unknown> = {}) => call('reserve', { id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 60, idempotency, ...overrides })
  expect(await attempt({ id })).toMatchObject({ outcome: 'reserved' })
  if (state === 'lease over, 3 reported') await call('extend', { id, lease: 60, reported: { ai: 3 } })
  if (state.startsWith('lease over') || state === 'expired') await endLease(database, id)
  if (state === 'expired') await call('extend', { id, lease: 60 })
  if (state === 'committed') await call('commit', { id })
  if (state === 'refunded') await call('refund', { id })
  return { account, row, id, attempt }
}

describe('another attempt', () => {
  it.each([
    ['open', 'in_progress', 10],
    ['lease over', 'reserved', 10],
    ['lease over, 3 reported', 'already_charged', 3],
    ['committed', 'already_charged', 10],
    ['refunded', 'reserved', 10],
    ['expired', 'reserved', 10],
  ] as const)('after one that is %s answers %s', async (state, outcome, used) => {
    const { id, row, attempt } = await arrangeAttempt(state)
    const answer = await attempt()
    expect(answer.outcome).toBe(outcome)
    if (outcome === 'already_charged') expect(answer).toMatchObject({ reservation: id })
    if (outcome === 'in_progress') expect(answer['endsIn']).toBeGreaterThan(50)
    expect(await readUsed(database, row)).toBe(used)
  })

  it.each(['open', 'lease over', 'committed', 'refunded'] as const)('with another fingerprint, after one that is %s, answers key_reused', async (state) => {
    const { attempt } = await arrangeAttempt(state)
    expect(await attempt({ idempotency: { key: 'k', fingerprint: 'g' } })).toMatchObject({ outcome: 'key_reused' })
  })
})

it('the same id again is no other attempt', async () => {
  const { id, row, attempt } = await arrangeAttempt('open')
  expect(await attempt({ id })).toMatchObject({ outcome: 'reserved' })
  expect(await readUsed(database, row)).toBe(10)
})

it('an attempt that cannot be paid leaves the key free', async () => {
  const { attempt } = await arrangeAttempt('refunded')
  expect(await attempt({ amounts: { ai: 101 } })).toMatchObject({ outcome: 'insufficient' })
  expect(await attempt()).toMatchObject({ outcome: 'reserved' })
})

it('a key is one key for each subscription', async () => {
  await arrangeAttempt('committed')
  await arrangeAttempt('committed')
})

it('a zombie of an earlier attempt cannot charge once a later one has begun', async () => {
  const { id, row, attempt } = await arrangeAttempt('lease over')
  const later = await attempt()
  expect(await call('commit', { id })).toMatchObject({ outcome: 'expired' })
  expect(await call('extend', { id, lease: 60, reported: { ai: 5 } })).toMatchObject({ outcome: 'expired' })
  expect(await call('commit', { id: later['id'] })).toMatchObject({ outcome: 'committed' })
  expect(await readUsed(database, row)).toBe(10)
})

it('of fifty attempts at once one is reserved', async () => {
  const { attempt } = await arrangeAttempt('refunded')
  const outcomes = await Promise.all(Array.from({ length: 50 }, () => attempt()))
  expect(outcomes.filter(({ outcome }) => outcome === 'reserved')).toHaveLength(1)
  expect(outcomes.filter(({ outcome }) => outcome === 'in_progress')).toHaveLength(49)
})

it('the database itself refuses a key that would be charged twice', async () => {
  const { id, attempt } = await arrangeAttempt('refunded')
  await attempt()
  await expect(database.query("update creditgate.reservations set state = 'committed' where id = $1", [id])).rejects.toThrow('reservations_charged_once')
})
