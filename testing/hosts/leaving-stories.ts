import type { Credits } from 'creditgate'
import { sleep } from '../assertion.ts'
import { readUntil } from '../client.ts'
import type { HandlerCues } from '../cues.ts'
import type { HostScene, HostStory } from '../host-scenarios.ts'
import { asEvents, respond, stream, writeChunks, type ChunksOptions } from './endings.ts'

/** Clients that leave: before the headers, after them, after the first byte, in the middle, after the last one. */

type Charge = { readonly states: readonly string[]; readonly ai: number }
const REFUNDED: Charge = { states: ['refunded'], ai: 0 }
const committed = (ai: number): Charge => ({ states: ['committed'], ai })
const METERED = [{ type: 'ai', amount: 10, options: { metered: true } }] as const

const write = (options: ChunksOptions & { readonly contentType?: string }) => (credits: Credits, cues: HandlerCues) => stream(writeChunks({ credits, cues }, options), options)

/** Answers once the client has left. */
const answerLate = (say: (credits: Credits) => void) => async (credits: Credits, cues: HandlerCues) => {
  say(credits)
  await cues.until('gone')
  await sleep(20)
  return respond(200)
}

/** A stream that has nothing to say until the client has left. */
const streamLate = (credits: Credits, cues: HandlerCues) =>
  stream(
    (async function* () {
      cues.note('waiting')
      await cues.until('gone')
      yield* writeChunks({ credits, cues }, { count: 1 })
    })(),
  )

const leavesEarly =
  (charge: Charge, how?: 'reset') =>
  async ({ send, cues, noted, settled }: HostScene): Promise<void> => {
    const exchange = send()
    exchange.head.catch(() => undefined)
    await noted('entered')
    exchange.leave(how)
    await cues.give('gone')
    await settled(charge)
  }

const leavesAfter =
  (text: string, charge: Charge) =>
  async ({ send, cues, noted, settled }: HostScene): Promise<void> => {
    const exchange = send()
    await readUntil(exchange, text)
    exchange.leave()
    await cues.give('gone')
    await settled(charge)
    // Who writes is told, and does not go on for nobody.
    await noted('stopped')
  }

const early = (name: string, handle: HostStory['handle'], charge: Charge): HostStory => ({ name, needs: ['early-leave', 'idle-leave'], handle, play: leavesEarly(charge) })
const reset = (name: string, handle: HostStory['handle'], charge: Charge): HostStory => ({ name, needs: ['early-leave', 'connections'], handle, play: leavesEarly(charge, 'reset') })

const hang: HostStory['handle'] = async (_credits, cues) => {
  await cues.until('released')
  return respond(200)
}

export const leavingStories: readonly HostStory[] = [
  early('a client that leaves before the answer is refunded', answerLate(() => undefined), REFUNDED),
  early('a client that leaves before the answer pays what was reported', answerLate((credits) => credits.report(6)), committed(6)),
  early('a client that leaves before the answer is refunded, commit(3) or not', answerLate((credits) => credits.commit(3)), REFUNDED),
  early('a handler that never ends is refunded when its client leaves', hang, REFUNDED),
  reset('a client that resets its connection before the answer is refunded', answerLate(() => undefined), REFUNDED),
  reset('a client that resets its connection before the answer pays what was reported', answerLate((credits) => credits.report(6)), committed(6)),
  reset('a handler that never ends is refunded when its client resets the connection', hang, REFUNDED),
  {
    name: 'a client that leaves a stream before its headers or its first byte is refunded',
    needs: ['early-leave', 'idle-leave'],
    handle: streamLate,
    async play({ send, cues, noted, settled }) {
      const exchange = send()
      exchange.head.catch(() => undefined)
      await noted('waiting')
      await sleep(20)
      exchange.leave()
      await sleep(50)
      await cues.give('gone')
      await settled(REFUNDED)
    },
  },
  {
    name: 'a client that leaves after the headers and before the first byte is refunded',
    needs: ['early-headers', 'idle-leave'],
    handle: streamLate,
    async play({ send, cues, settled }) {
      const exchange = send()
      await exchange.head
      exchange.leave()
      await sleep(50)
      await cues.give('gone')
      await settled(REFUNDED)
    },
  },
  { name: 'a client that leaves after the first chunk pays a fixed amount in full', handle: write({ waitsAfter: 1 }), play: leavesAfter('chunk 1\n', committed(10)) },
  { name: 'a client that leaves in the middle pays a fixed amount in full', handle: write({ waitsAfter: 20 }), play: leavesAfter('chunk 20\n', committed(10)) },
  { name: 'a client that leaves after the last chunk pays a fixed amount in full', handle: write({ count: 5, waitsAfter: 5 }), play: leavesAfter('chunk 5\n', committed(10)) },
  {
    name: 'a client that leaves after the first chunk pays commit(3)',
    handle: (credits, cues) => (credits.commit(3), write({ waitsAfter: 1 })(credits, cues)),
    play: leavesAfter('chunk 1\n', committed(3)),
  },
  { name: 'a client that leaves a metered stream after the first chunk pays what was reported', requires: METERED, handle: write({ waitsAfter: 1, reports: 1 }), play: leavesAfter('chunk 1\n', committed(1)) },
  { name: 'a client that leaves a metered stream in the middle pays what was reported', handle: write({ waitsAfter: 4, reports: 4 }), play: leavesAfter('chunk 4\n', committed(4)) },
  { name: 'a client that leaves a metered stream after the last chunk pays what was reported', handle: write({ count: 5, waitsAfter: 5, reports: 5 }), play: leavesAfter('chunk 5\n', committed(5)) },
  { name: 'a client that leaves a metered stream that reported nothing is refunded', requires: METERED, handle: write({ waitsAfter: 1 }), play: leavesAfter('chunk 1\n', REFUNDED) },
  {
    name: 'a client that leaves a metered stream pays commit(3) in place of a report',
    requires: METERED,
    handle: (credits, cues) => (credits.commit(3), write({ waitsAfter: 1 })(credits, cues)),
    play: leavesAfter('chunk 1\n', committed(3)),
  },
  {
    name: 'a client that leaves server-sent events in mid-stream pays what was reported',
    requires: METERED,
    handle: write({ waitsAfter: 3, reports: 3, ...asEvents }),
    play: leavesAfter('data: {"token":3}\n\n', committed(3)),
  },
  {
    name: 'a stream that hangs is settled when its client leaves',
    needs: ['idle-leave'],
    handle: (credits, cues) =>
      stream(
        (async function* () {
          yield* writeChunks({ credits, cues }, { count: 1 })
          await cues.until('released')
        })(),
      ),
    async play({ send, settled }) {
      const exchange = send()
      await readUntil(exchange, 'chunk 1\n')
      exchange.leave()
      await settled(committed(10))
    },
  },
  {
    name: 'a stream that hangs is settled when its client resets the connection',
    needs: ['connections'],
    handle: (credits, cues) => stream(writeChunks({ credits, cues }, { count: 1, waitsAfter: 1 })),
    async play({ send, settled }) {
      const exchange = send()
      await readUntil(exchange, 'chunk 1\n')
      exchange.leave('reset')
      await settled(committed(10))
    },
  },
]
