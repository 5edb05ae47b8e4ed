import type { Credits } from 'creditgate'
import { assert, assertEqual, sleep } from '../assertion.ts'
import { readAll, readUntil } from '../client.ts'
import type { HandlerCues } from '../cues.ts'
import type { HostStory } from '../host-scenarios.ts'
import { asCsv, asEvents, stream, writeChunks, type ChunksOptions } from './endings.ts'

/** Bodies that are sent as they are made, to a client that stays. */

const write = (options: ChunksOptions & { readonly contentType?: string; readonly status?: number }) => (credits: Credits, cues: HandlerCues) => stream(writeChunks({ credits, cues }, options), options)
const METERED = [{ type: 'ai', amount: 10, options: { metered: true } }] as const
const BIG_CHUNK = 'x'.repeat(65_536)
const BIG_COUNT = 2_000

export const streamStories: readonly HostStory[] = [
  ends({ name: 'a stream that ends commits all', handle: write({ count: 3 }), ai: 10 }),
  ends({ name: 'a stream that ends commits its commit(3)', handle: (credits, cues) => (credits.commit(3), write({ count: 3 })(credits, cues)), ai: 3 }),
  ends({ name: 'a metered stream that ends without a last word commits what it reported', handle: write({ count: 3, reports: 3 }), ai: 3 }),
  ends({
    name: 'a metered stream that ends commits its actual amount',
    requires: METERED,
    handle: (credits, cues) =>
      stream(
        (async function* () {
          yield* writeChunks({ credits, cues }, { count: 4, reports: 4 })
          credits.commit(2)
        })(),
      ),
    ai: 2,
  }),
  ends({ name: 'server-sent events that end commit what was reported', requires: METERED, handle: write({ count: 6, reports: 6, ...asEvents }), ai: 6, contentType: 'text/event-stream' }),
  ends({ name: 'a CSV file commits the rows that were reported', handle: write({ count: 8, reports: 8, ...asCsv }), ai: 8, contentType: 'text/csv' }),
  {
    name: 'a stream of status 500 refunds',
    handle: write({ count: 3, status: 500 }),
    async play({ ask, settled }) {
      assertEqual((await ask()).status, 500, 'the status')
      await settled({ states: ['refunded'] })
    },
  },
  fails({ name: 'a stream that fails late refunds a fixed amount', handle: write({ count: 3, failsAfter: 3 }), states: ['refunded'], ai: 0 }),
  fails({ name: 'a stream that fails late commits what a metered one reported', handle: write({ count: 3, reports: 3, failsAfter: 3 }), states: ['committed'], ai: 3 }),
  fails({ name: 'a metered stream that fails late and had reported nothing is refunded', requires: METERED, handle: write({ count: 3, failsAfter: 3 }), states: ['refunded'], ai: 0 }),
  fails({ name: 'server-sent events that fail commit what was reported', requires: METERED, handle: write({ count: 9, reports: 9, failsAfter: 4, ...asEvents }), states: ['committed'], ai: 4 }),
  fails({ name: 'a stream that fails before its first chunk refunds', handle: write({ count: 3, failsAfter: 0 }), states: ['refunded'], ai: 0 }),
  fails({
    name: 'a stream that fails before its first chunk commits what was reported',
    needs: ['silent-failure'],
    handle: (credits, cues) => (credits.report(2), write({ count: 3, failsAfter: 0 })(credits, cues)),
    states: ['committed'],
    ai: 2,
  }),
  {
    name: 'a CSV download is sent row by row: the first is read before the last is made',
    handle: write({ count: 5, reports: 5, waitsAfter: 1, ...asCsv }),
    async play({ send, cues, settled }) {
      const download = send()
      const first = await readUntil(download, 'id,name\r\n')
      assert((await cues.count('produced')) < 5, 'the last row is not made when the first has been read')
      await cues.give('gone')
      const { body, broken } = await readAll(download)
      assertEqual({ body: first + body, broken }, { body: 'id,name\r\n2,"lead 2"\r\n3,"lead 3"\r\n4,"lead 4"\r\n5,"lead 5"\r\n', broken: false }, 'the file')
      await settled({ states: ['committed'], ai: 5 })
    },
  },
  {
    name: 'a client that does not read stops who writes, and is charged when it leaves',
    needs: ['back-pressure'],
    handle: write({ count: BIG_COUNT, write: () => BIG_CHUNK }),
    async play({ send, cues, noted, settled }) {
      const download = send()
      await download.head
      await download.read()
      let before = -1
      for (let produced = await cues.count('produced'); produced !== before; produced = await cues.count('produced')) {
        before = produced
        await sleep(250)
      }
      assert(before < BIG_COUNT / 2, `of ${BIG_COUNT} chunks that nobody reads, ${before} were made`)
      download.leave()
      await noted('stopped')
      await settled({ states: ['committed'], ai: 10 })
    },
  },
]

interface Streamed extends Omit<HostStory, 'play'> {
  readonly ai: number
}

/** To be read to its end. */
function ends({ ai, contentType, ...story }: Streamed & { readonly contentType?: string }): HostStory {
  return {
    ...story,
    async play({ ask, settled }) {
      const { status, broken, headers, body } = await ask()
      assertEqual({ status, broken }, { status: 200, broken: false }, 'the response')
      assert(body.length > 0, 'there is a body')
      if (contentType !== undefined) assertEqual(headers.get('Content-Type')?.split(';')[0], contentType, 'its type')
      await settled({ states: ['committed'], ai })
    },
  }
}

/** To break off. Some hosts hide that from the client. */
function fails({ ai, states, ...story }: Streamed & { readonly states: readonly string[] }): HostStory {
  return {
    ...story,
    async play({ ask, settled }) {
      await ask().catch(() => undefined)
      await settled({ states, ai })
    },
  }
}
