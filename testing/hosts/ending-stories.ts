import { assertEqual } from '../assertion.ts'
import type { HostStory } from '../host-scenarios.ts'
import { respond } from './endings.ts'

/** What an answer that arrives costs. */

interface Told extends Omit<HostStory, 'play'> {
  /** Of the response. Default: not looked at. */
  readonly status?: number
  readonly states: readonly string[]
  readonly ai: number
}

const tell = ({ status, states, ai, ...story }: Told): HostStory => ({
  ...story,
  async play({ ask, settled }) {
    const reply = await ask()
    if (status !== undefined) assertEqual(reply.status, status, 'the status')
    await settled({ states, ai })
  },
})
const REFUNDED = { states: ['refunded'], ai: 0 }
const committed = (ai: number) => ({ states: ['committed'], ai })
const throwing = (value: unknown) => () => ({ kind: 'throw', value }) as const

export const endingStories: readonly HostStory[] = [
  tell({ name: 'a finished 200 commits all', handle: () => respond(200), status: 200, ...committed(10) }),
  tell({ name: 'a 204 without a body commits all', handle: () => respond(204, ''), status: 204, ...committed(10) }),
  tell({ name: 'a redirect commits all', handle: () => respond(303), status: 303, ...committed(10) }),
  tell({ name: 'a 399 commits all', handle: () => respond(399), status: 399, ...committed(10) }),
  tell({ name: 'commit(3) commits 3', handle: (credits) => (credits.commit(3), respond(200)), status: 200, ...committed(3) }),
  tell({ name: 'commit(0) is a commit', handle: (credits) => (credits.commit(0), respond(200)), status: 200, ...committed(0) }),
  tell({ name: 'commit(99) is clamped to what was reserved', handle: (credits) => (credits.commit(99), respond(200)), status: 200, ...committed(10) }),
  tell({ name: 'report(4) commits 4', handle: (credits) => (credits.report(4), respond(200)), status: 200, ...committed(4) }),
  tell({ name: 'commit(3) outweighs report(4)', handle: (credits) => (credits.report(4), credits.commit(3), respond(200)), status: 200, ...committed(3) }),
  tell({ name: 'a metered route that reports nothing commits all when it finishes', requires: [{ type: 'ai', amount: 10, options: { metered: true } }], handle: () => respond(200), status: 200, ...committed(10) }),
  tell({ name: 'refund() refunds a 200', handle: (credits) => (credits.refund(), respond(200)), status: 200, ...REFUNDED }),
  tell({ name: 'refund() refunds what was reported', handle: (credits) => (credits.report(4), credits.refund(), respond(200)), status: 200, ...REFUNDED }),
  tell({ name: 'commit(3) takes a refund() back', handle: (credits) => (credits.refund(), credits.commit(3), respond(200)), status: 200, ...committed(3) }),
  tell({ name: 'a 400 refunds', handle: () => respond(400), status: 400, ...REFUNDED }),
  tell({ name: 'a 404 refunds', handle: () => respond(404), status: 404, ...REFUNDED }),
  tell({ name: 'a 500 refunds, commit(3) or not', handle: (credits) => (credits.commit(3), respond(500)), status: 500, ...REFUNDED }),
  tell({ name: 'a 503 refunds what was reported', handle: (credits) => (credits.report(4), respond(503)), status: 503, ...REFUNDED }),
  tell({ name: 'a thrown Error refunds', handle: throwing(new Error('no')), status: 500, ...REFUNDED }),
  tell({ name: 'a thrown Error refunds what was reported', handle: (credits) => (credits.report(4), { kind: 'throw', value: new Error('no') }), status: 500, ...REFUNDED }),
  tell({ name: 'a thrown TypeError refunds', handle: throwing(new TypeError('no')), status: 500, ...REFUNDED }),
  tell({ name: 'a thrown Error with a status of its own refunds', handle: throwing(Object.assign(new Error('no'), { status: 418, statusCode: 418 })), ...REFUNDED }),
  tell({ name: 'a thrown string refunds', needs: ['thrown-values'], handle: throwing('no'), status: 500, ...REFUNDED }),
  tell({ name: 'a thrown object refunds', needs: ['thrown-values'], handle: throwing({ no: true }), status: 500, ...REFUNDED }),
  tell({ name: 'a thrown Error refunds when an error handler answers 200', errorStatus: 200, handle: throwing(new Error('no')), status: 200, ...REFUNDED }),
  tell({
    name: 'a thrown Error refunds when an error handler answers 200 and the guard stands on the router',
    ...{ errorStatus: 200, guardsRouter: true, handle: throwing(new Error('no')), status: 200, ...REFUNDED },
  }),
  tell({
    name: 'a route may settle by its own rule',
    requires: [{ type: 'ai', amount: 10, options: { settleBy: ({ status }) => (status === 422 ? { outcome: 'commit', amounts: { ai: 9 } } : { outcome: 'refund' }) } }],
    handle: () => respond(422),
    status: 422,
    ...committed(9),
  }),
]
