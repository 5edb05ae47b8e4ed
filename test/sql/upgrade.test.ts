import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { assembleMigration } from '../../src/migration.ts'
import { createDatabase, type Database } from '../support/database.ts'
import { expectNoViolations, readUsed } from '../support/seed.ts'
import { createScenes, type Operation, type State } from './scene.ts'

/**
 * A reservation in every state that an earlier version can leave it in does after the upgrade what a new one does: asked
 * the same, it gives the same answer, and its credit row ends with the same figure.
 */

let earlier: Database
let present: Database
beforeEach(async () => {
  earlier = await createDatabase('project')
  present = await createDatabase()
})
afterEach(async () => {
  for (const database of [earlier, present]) {
    await expectNoViolations(database)
    await database.drop()
  }
})

const STATES: readonly State[] = ['open', 'lease over', 'lease over, 3 reported', 'committed', 'refunded', 'expired', 'tombstone']
const ASKED: readonly (readonly [Operation, Record<string, unknown>])[] = [
  ['reserve', { amounts: { ai: 10 }, lease: 60 }],
  ['commit', { amounts: { ai: 4 } }],
  ['commit', {}],
  ['refund', {}],
  ['extend', { lease: 60, reported: { ai: 5 } }],
  ['reverse', { key: 'ticket', amounts: { ai: 1 } }],
]

/** What one call makes of a reservation in one state, with names for the ids that are its own. */
function watch(database: Database) {
  const { call, arrange } = createScenes(() => database)
  return {
    call,
    arrange,
    async ask({ id, account, row }: Awaited<ReturnType<typeof arrange>>, [operation, request]: (typeof ASKED)[number]) {
      const answer = await call(operation, { ...request, id, user: account.user })
      const [stored] = await database.query('select state, amounts, reported, ended_at is not null as ended from creditgate.reservations where id = $1', [id])
      const named = JSON.stringify(answer).replaceAll(id, 'its id').replaceAll(account.subscription, 'its subscription')
      return { answer: JSON.parse(named) as unknown, stored, used: await readUsed(database, row) }
    },
  }
}

describe.each([1, 2, 3, 4])('a database at version %i', (version) => {
  it('answers for every reservation in it as a new one does, whatever is asked, once it is upgraded', async () => {
    await earlier.query(readFileSync(new URL(`earlier/schema-${version}.sql`, import.meta.url), 'utf8'))
    const [old, fresh] = [watch(earlier), watch(present)]
    const cells = STATES.flatMap((state) => ASKED.map((asked) => ({ state, asked })))
    const arranged = []
    for (const { state, asked } of cells) arranged.push({ state, asked, scene: await old.arrange(state) })
    const readAll = () => earlier.query('select id, subscription_id, state, amounts, allocations::text, reported, lease_until, created_at, ended_at from creditgate.reservations order by id')
    const before = await readAll()
    await earlier.query(assembleMigration())
    expect(await readAll()).toEqual(before)

    for (const { state, asked, scene } of arranged) {
      const upgraded = await old.ask(scene, asked)
      expect({ state, asked, ...upgraded }).toEqual({ state, asked, ...(await fresh.ask(await fresh.arrange(state), asked)) })
    }
  })
})

it('idempotency keys of version 2 go on standing for what they stood for', async () => {
  await earlier.query(readFileSync(new URL('earlier/schema-2.sql', import.meta.url), 'utf8'))
  const { call, arrange } = createScenes(() => earlier)
  const { account } = await arrange('no row')
  const reserve = (key: string, fingerprint = 'f') => ({ id: randomUUID(), user: account.user, amounts: { ai: 10 }, lease: 60, idempotency: { key, fingerprint } })
  const [open, charged, refunded] = [reserve('open'), reserve('charged'), reserve('refunded')]
  for (const request of [open, charged, refunded]) expect(await call('reserve', request)).toMatchObject({ outcome: 'reserved' })
  await call('commit', { id: charged.id })
  await call('refund', { id: refunded.id })
  await call('reverse', { id: charged.id, key: 'ticket', amounts: { ai: 2 } })

  await earlier.query(assembleMigration())
  expect(await call('reserve', reserve('open'))).toMatchObject({ outcome: 'in_progress' })
  expect(await call('reserve', reserve('charged'))).toMatchObject({ outcome: 'already_charged', reservation: charged.id })
  expect(await call('reserve', reserve('charged', 'another'))).toMatchObject({ outcome: 'key_reused' })
  expect(await call('reserve', reserve('refunded'))).toMatchObject({ outcome: 'reserved' })
  // The same act again gets the answer that it got.
  expect(await call('reverse', { id: charged.id, key: 'ticket', amounts: { ai: 2 } })).toMatchObject({ outcome: 'reversed', returned: { ai: 2 } })
  expect(await earlier.query('select sum(used)::int as used from "AICredits"')).toEqual([{ used: 28 }])
})
