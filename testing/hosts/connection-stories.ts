import { assert, assertEqual } from '../assertion.ts'
import type { HostStory } from '../host-scenarios.ts'
import { respond, stream, writeChunks } from './endings.ts'

/** Headers, methods, guards on one route, requests on one connection. */
export const connectionStories: readonly HostStory[] = [
  {
    name: 'tells an admitted client what it has left',
    handle: () => respond(200),
    async play({ ask, settled }) {
      const { headers } = await ask()
      assert(/^ai="[0-9a-f-]{36}"$/.test(headers.get('Credits-Reservation') ?? ''), `the reservation is named, and not ${String(headers.get('Credits-Reservation'))}`)
      assertEqual(headers.get('Credits-Remaining'), 'ai=90', 'what remains')
      assert(Number(headers.get('Credits-Reset')?.replace('ai=', '')) > 29 * 86_400, 'it resets in 30 days')
      assertEqual(headers.get('Access-Control-Expose-Headers'), 'Credits-Reservation, Credits-Remaining, Credits-Reset', 'what browsers may read')
      await settled({ states: ['committed'], ai: 10 })
    },
  },
  {
    name: 'lets guards of different types stand on one route, and refunds the first when the second refuses',
    requires: [{ type: 'ai', amount: 10 }, { type: 'lead', amount: 3 }],
    handle: () => respond(200),
    async play({ ask, settled }) {
      const first = await ask()
      assertEqual([first.status, first.headers.get('Credits-Remaining')], [200, 'ai=90, lead=2'], 'the first')
      await settled({ states: ['committed', 'committed'], ai: 10, lead: 3 })
      const second = await ask()
      assertEqual(
        [second.status, JSON.parse(second.body)],
        [402, { type: 'urn:problem-type:creditgate:insufficient-credits', title: 'Not enough credits', status: 402, creditType: 'lead', required: 3, available: 2 }],
        'the second',
      )
      assertEqual([second.headers.get('Content-Type'), second.headers.get('Cache-Control')], ['application/problem+json', 'no-store'], 'its headers')
      await settled({ states: ['committed', 'committed', 'refunded'], ai: 10, lead: 3 })
    },
  },
  {
    name: 'answers 500 when a route requires one type twice, and charges nothing',
    requires: [{ type: 'ai', amount: 1 }, { type: 'ai', amount: 2 }],
    handle: () => respond(200),
    async play({ ask, settled }) {
      assertEqual((await ask()).status, 500, 'the status')
      await settled({ states: ['refunded'] })
    },
  },
  {
    name: 'lets HEAD and OPTIONS pass free and without a token',
    handle: (credits) => (credits.commit(5), respond(200)),
    async play({ ask, settled }) {
      for (const method of ['HEAD', 'OPTIONS']) {
        const { status, headers } = await ask({ method, headers: { Authorization: '' } })
        assertEqual([status, headers.has('Credits-Reservation')], [200, false], method)
      }
      await settled({ states: [] })
    },
  },
  {
    name: 'a handler that answers a HEAD request with a stream is not charged either',
    handle: (credits, cues) => stream(writeChunks({ credits, cues }, { count: 2, reports: 2 })),
    async play({ ask, settled }) {
      assertEqual((await ask({ method: 'HEAD' })).status, 200, 'the status')
      await settled({ states: [] })
    },
  },
  {
    name: 'charges each of two requests on one connection by itself',
    needs: ['connections'],
    handle: (credits) => (credits.commit(credits.remaining === 90 ? 10 : 4), respond(200)),
    async play({ ask, settled }) {
      const first = await ask({ keepsConnection: true })
      await settled({ states: ['committed'], ai: 10 })
      const second = await ask({ keepsConnection: true })
      assertEqual([first.reused, second.reused], [false, true], 'whether the connection was there already')
      await settled({ states: ['committed', 'committed'], ai: 14 })
    },
  },
  {
    name: 'a stream on a connection that stays open is settled when it ends',
    needs: ['connections'],
    handle: (credits, cues) => stream(writeChunks({ credits, cues }, { count: 3, reports: 3 })),
    async play({ ask, settled }) {
      for (const reused of [false, true]) {
        assertEqual((await ask({ keepsConnection: true })).reused, reused, 'whether the connection was there already')
        await settled(reused ? { states: ['committed', 'committed'], ai: 6 } : { states: ['committed'], ai: 3 })
      }
    },
  },
]
