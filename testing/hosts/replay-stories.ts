import { assertEqual } from '../assertion.ts'
import type { Reply, SendOptions } from '../client.ts'
import type { HostScene, HostStory } from '../host-scenarios.ts'
import type { Ending } from '../host.ts'
import { respond, stream, writeChunks } from './endings.ts'

/** A charged response under an Idempotency-Key comes again, where the route says so. */

const KEYED: SendOptions = { headers: { 'Idempotency-Key': 'key-1' } }

const show = ({ status, headers, body }: Reply) => ({ status, body, type: headers.get('Content-Type'), replayed: headers.get('Idempotency-Replayed') })

/** Asks twice under one key, once the first is settled. */
async function assertReplayed({ ask, cues, settled }: HostScene): Promise<void> {
  const first = show(await ask(KEYED))
  await settled({ states: ['committed'], ai: 10 })
  assertEqual(first.replayed, null, 'whether the first answer is a repeated one')
  assertEqual(show(await ask(KEYED)), { ...first, replayed: 'true' }, 'the answer to the same request again')
  assertEqual(await cues.count('entered'), 1, 'how often the handler ran')
  await settled({ states: ['committed'], ai: 10 })
}

const replay = (name: string, handle: HostStory['handle'], play: HostStory['play'] = assertReplayed): HostStory => ({ name, requires: [{ type: 'ai', amount: 10, options: { replay: { maxBytes: 1000 } } }], handle, play })

/** What nobody could make up a second time. */
const unique = (status = 200): Ending => respond(status, `räksmörgås ${crypto.randomUUID()}`)

export const replayStories: readonly HostStory[] = [
  replay('a stored text comes again as it was', () => unique(201)),
  replay('a stored empty response comes again', () => respond(200, '')),
  replay('a stored stream comes again as it was', (credits, cues) => stream(writeChunks({ credits, cues }, { count: 20 }), { contentType: 'text/csv' })),
  replay('a body that is too large is not stored: its key is charged, and that is all that is said', (credits, cues) => stream(writeChunks({ credits, cues }, { count: 200 })), async ({ ask, cues, settled }) => {
    assertEqual((await ask(KEYED)).status, 200, 'the first')
    await settled({ states: ['committed'], ai: 10 })
    assertEqual((await ask(KEYED)).status, 409, 'the second')
    assertEqual(await cues.count('entered'), 1, 'how often the handler ran')
  }),
  replay('another request under a stored key is 422, and another key is another response', () => unique(), async ({ ask, settled }) => {
    const first = await ask({ ...KEYED, body: '{"rows":1}' })
    await settled({ states: ['committed'], ai: 10 })
    assertEqual((await ask({ ...KEYED, body: '{"rows":2}' })).status, 422, 'another request')
    const other = await ask({ headers: { 'Idempotency-Key': 'key-2' }, body: '{"rows":1}' })
    assertEqual([other.status, other.body === first.body], [200, false], 'another key')
    await settled({ states: ['committed', 'committed'], ai: 20 })
  }),
  replay('a response that failed is not stored, and runs again', (_credits, cues) => (cues.note('failed'), respond(500, 'no')), async ({ ask, cues, settled }) => {
    for (const times of [1, 2]) {
      assertEqual((await ask(KEYED)).status, 500, 'the answer')
      await settled({ states: Array.from({ length: times }, () => 'refunded') })
      assertEqual(await cues.count('entered'), times, 'how often the handler ran')
    }
  }),
]
