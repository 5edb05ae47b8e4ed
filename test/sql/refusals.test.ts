import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createDatabase, type Database } from '../support/database.ts'
import { createAccount } from '../support/seed.ts'
import { createScenes, type Operation, type Scene, type State } from './scene.ts'

/** Each refusal is a definite answer, and writes nothing. */

let database: Database
beforeAll(async () => {
  database = await createDatabase()
})
afterAll(() => database.drop())
const { call, arrange } = createScenes(() => database)

const FINGERPRINT = `select md5(concat(
  (select jsonb_agg(to_jsonb(r) order by id) from creditgate.reservations r), (select jsonb_agg(to_jsonb(a) order by id) from creditgate.adjustments a),
  (select jsonb_agg(to_jsonb(a) order by subject, key) from creditgate.acts a), (select jsonb_agg(to_jsonb(c) order by id) from creditgate.credit_rows c))) as fingerprint`

type Refusal = readonly [what: string, state: State, operation: Operation, request: (scene: Scene) => Record<string, unknown>, expected: Record<string, unknown>]

const stranger = randomUUID()
const own = ({ id }: Scene) => ({ id })
const subscription = ({ account }: Scene) => ({ subscription: account.subscription, creditType: 'ai', key: 'k' })

it.each<Refusal>([
  ['a commit of an unknown id', 'no row', 'commit', own, { outcome: 'not_found' }],
  ['a commit of no id', 'open', 'commit', () => ({}), { outcome: 'invalid' }],
  ['a commit of an id that is none', 'open', 'commit', () => ({ id: "'; drop table" }), { outcome: 'invalid' }],
  ['a commit of more than was reserved', 'open', 'commit', (scene) => ({ ...own(scene), amounts: 11 }), { outcome: 'exceeds' }],
  ['a commit of a negative amount', 'open', 'commit', (scene) => ({ ...own(scene), amounts: -1 }), { outcome: 'invalid' }],
  ['a commit of half a credit', 'open', 'commit', (scene) => ({ ...own(scene), amounts: 0.5 }), { outcome: 'invalid' }],
  ['a commit of another type', 'open', 'commit', (scene) => ({ ...own(scene), amounts: { lead: 1 } }), { outcome: 'invalid' }],
  ['a commit with another amount than before', 'committed', 'commit', (scene) => ({ ...own(scene), amounts: 5 }), { outcome: 'conflict', amounts: { ai: 4 } }],
  ['a commit after expiry', 'expired', 'commit', own, { outcome: 'expired' }],
  ['a commit after a refund', 'refunded', 'commit', own, { outcome: 'refunded' }],
  ["a commit of another user's reservation", 'open', 'commit', (scene) => ({ ...own(scene), user: stranger }), { outcome: 'not_found' }],
  ["a refund of another user's reservation", 'open', 'refund', (scene) => ({ ...own(scene), user: stranger }), { outcome: 'not_found' }],
  ["an extension of another user's reservation", 'open', 'extend', (scene) => ({ ...own(scene), lease: 60, user: stranger }), { outcome: 'not_found' }],
  ["a reversal of another user's reservation", 'committed', 'reverse', (scene) => ({ ...own(scene), key: 'k', user: stranger }), { outcome: 'not_found' }],
  ...[-1, 0, 901, 1e9, 1.5, '60', null].map((lease): Refusal => [`a lease of ${JSON.stringify(lease)}`, 'open', 'extend', (scene) => ({ ...own(scene), lease }), { outcome: 'invalid' }]),
  ...[-60, 0, 100_000].map((lease): Refusal => [`a reserve with a lease of ${lease}`, 'no row', 'reserve', ({ request }) => ({ ...request, lease }), { outcome: 'invalid' }]),
  ['a reserve of an unknown type', 'no row', 'reserve', ({ request }) => ({ ...request, amounts: { video: 1 } }), { outcome: 'invalid' }],
  ['a reserve with a key and no fingerprint', 'no row', 'reserve', ({ request }) => ({ ...request, idempotency: { key: 'k' } }), { outcome: 'invalid' }],
  ['a reserve with an empty key', 'no row', 'reserve', ({ request }) => ({ ...request, idempotency: { key: '', fingerprint: 'f' } }), { outcome: 'invalid' }],
  ['a report of more than was reserved', 'open', 'extend', (scene) => ({ ...own(scene), lease: 60, reported: 11 }), { outcome: 'exceeds' }],
  ['a reversal without a key', 'committed', 'reverse', own, { outcome: 'invalid' }],
  ['a reversal under an endless key', 'committed', 'reverse', (scene) => ({ ...own(scene), key: 'k'.repeat(201) }), { outcome: 'invalid' }],
  ['a reversal of more than was committed', 'committed', 'reverse', (scene) => ({ ...own(scene), key: 'k', amounts: 5 }), { outcome: 'exceeds' }],
  ['a reversal of a negative amount', 'committed', 'reverse', (scene) => ({ ...own(scene), key: 'k', amounts: -1 }), { outcome: 'invalid' }],
  ['a reversal of another type', 'committed', 'reverse', (scene) => ({ ...own(scene), key: 'k', amounts: { lead: 1 } }), { outcome: 'invalid' }],
  ['a reversal of what is still open', 'open', 'reverse', (scene) => ({ ...own(scene), key: 'k' }), { outcome: 'conflict', state: 'open' }],
  ['a reset of an unknown type', 'committed', 'reset', (scene) => ({ ...subscription(scene), creditType: 'video' }), { outcome: 'invalid' }],
  ['a reset of no type', 'committed', 'reset', (scene) => ({ ...subscription(scene), creditType: null }), { outcome: 'invalid' }],
  ['a reset of an unknown subscription', 'committed', 'reset', (scene) => ({ ...subscription(scene), subscription: stranger }), { outcome: 'not_found' }],
  ['a reset without a key', 'committed', 'reset', (scene) => ({ ...subscription(scene), key: undefined }), { outcome: 'invalid' }],
  ...[0, -1, 1001, 1.5, '5', null].map((most): Refusal => [`a sweep of at most ${JSON.stringify(most)}`, 'lease over', 'sweep', () => ({ most }), { outcome: 'invalid' }]),
  ...[0, -1, 3651, 'all'].map((olderThanDays): Refusal => [`a pruning of ${JSON.stringify(olderThanDays)} days`, 'committed', 'prune', () => ({ olderThanDays }), { outcome: 'invalid' }]),
])('%s', async (_what, state, operation, createRequest, expected) => {
  const scene = await arrange(state)
  await createAccount(database)
  const before = await database.query(FINGERPRINT)
  expect(await call(operation, createRequest(scene))).toMatchObject(expected)
  expect(await database.query(FINGERPRINT)).toEqual(before)
})
