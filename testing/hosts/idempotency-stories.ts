import { assert, assertEqual } from '../assertion.ts'
import { readAll, type Reply, type SendOptions } from '../client.ts'
import type { HostScene, HostStory } from '../host-scenarios.ts'
import { respond } from './endings.ts'

/** An Idempotency-Key: one request of a key at a time, and one that is charged. */

const keyed = (options: SendOptions = {}, key = 'key-1'): SendOptions => ({ ...options, headers: { 'Idempotency-Key': key, ...options.headers } })

function assertProblem({ status, body }: Reply, expected: number, name: string): void {
  assertEqual([status, (JSON.parse(body) as { type: string }).type], [expected, `urn:problem-type:creditgate:${name}`], 'the answer')
}

async function assertRan({ cues }: HostScene, times: number): Promise<void> {
  assertEqual(await cues.count('entered'), times, 'how often the handler ran')
}

const reuse = (what: string, other: SendOptions): HostStory => ({
  name: `a key used for another ${what} is 422`,
  handle: () => respond(200),
  async play(scene) {
    assertEqual((await scene.ask(keyed({ body: '{"rows":1}' }))).status, 200, 'the first')
    await scene.settled({ states: ['committed'], ai: 10 })
    assertProblem(await scene.ask(keyed(other)), 422, 'idempotency-key-reused')
    await assertRan(scene, 1)
    await scene.settled({ states: ['committed'], ai: 10 })
  },
})

export const idempotencyStories: readonly HostStory[] = [
  {
    name: 'a key that was charged is 409 and runs nothing',
    handle: () => respond(200),
    async play(scene) {
      assertEqual((await scene.ask(keyed({ body: '{"rows":1}' }))).status, 200, 'the first')
      await scene.settled({ states: ['committed'], ai: 10 })
      const again = await scene.ask(keyed({ body: '{"rows":1}' }))
      assertProblem(again, 409, 'already-charged')
      assert(!again.headers.has('Retry-After'), 'trying again later is of no use')
      await assertRan(scene, 1)
      await scene.settled({ states: ['committed'], ai: 10 })
    },
  },
  {
    name: 'a key whose request failed runs again',
    handle: (_credits, cues) => (cues.note('tried'), respond(500)),
    async play(scene) {
      for (const times of [1, 2]) {
        assertEqual((await scene.ask(keyed())).status, 500, 'the answer')
        await scene.settled({ states: Array.from({ length: times }, () => 'refunded') })
        await assertRan(scene, times)
      }
    },
  },
  {
    name: 'a key that is in flight is 409 with Retry-After',
    async handle(_credits, cues) {
      await cues.until('go on')
      return respond(200)
    },
    async play(scene) {
      const first = readAll(scene.send(keyed()))
      await scene.noted('entered')
      const second = await scene.ask(keyed())
      assertProblem(second, 409, 'request-in-progress')
      assert(Number(second.headers.get('Retry-After')) > 0, 'it may be tried again later')
      await scene.cues.give('go on')
      assertEqual((await first).status, 200, 'the first')
      await assertRan(scene, 1)
      await scene.settled({ states: ['committed'], ai: 10 })
    },
  },
  reuse('query', { query: '?rows=2', body: '{"rows":1}' }),
  reuse('body', { body: '{"rows":2}' }),
  {
    name: 'other keys, and requests without one, are not affected',
    handle: () => respond(200),
    async play(scene) {
      for (const options of [keyed(), keyed({}, 'key-2'), {}]) assertEqual((await scene.ask(options)).status, 200, 'the answer')
      await assertRan(scene, 3)
      await scene.settled({ states: ['committed', 'committed', 'committed'], ai: 30 })
    },
  },
  {
    name: 'guards of different types on one route share the key',
    requires: [{ type: 'ai', amount: 10 }, { type: 'lead', amount: 1 }],
    handle: () => respond(200),
    async play(scene) {
      assertEqual((await scene.ask(keyed())).status, 200, 'the first')
      await scene.settled({ states: ['committed', 'committed'], ai: 10, lead: 1 })
      assertEqual((await scene.ask(keyed())).status, 409, 'the second')
      await assertRan(scene, 1)
    },
  },
  {
    name: 'a malformed key is 400, and so is none where the route requires one',
    requires: [{ type: 'ai', amount: 10, options: { idempotency: 'required' } }],
    handle: () => respond(200),
    async play(scene) {
      for (const options of [keyed({}, 'two words'), keyed({}, ''), {}]) assertEqual((await scene.ask(options)).status, 400, 'the answer')
      await assertRan(scene, 0)
      assertEqual((await scene.ask(keyed())).status, 200, 'the answer to a key')
      await scene.settled({ states: ['committed'], ai: 10 })
    },
  },
]
