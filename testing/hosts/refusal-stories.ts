import { assertEqual } from '../assertion.ts'
import type { SendOptions } from '../client.ts'
import type { HostScene, HostStory } from '../host-scenarios.ts'
import { respond } from './endings.ts'

/** Who is refused, and with what. The handler is not run. */

interface Refused {
  readonly name: string
  readonly send: (scene: HostScene) => SendOptions
  readonly status: number
  readonly problem: string
  readonly challenge?: string | null
}

const refuse = ({ name, send, status, problem, challenge = null }: Refused): HostStory => ({
  name,
  handle: () => respond(200),
  async play(scene) {
    const { status: found, headers, body } = await scene.ask(send(scene))
    assertEqual([found, (JSON.parse(body) as { type: string }).type], [status, `urn:problem-type:creditgate:${problem}`], 'the answer')
    assertEqual([headers.get('Content-Type'), headers.get('WWW-Authenticate')], ['application/problem+json', challenge], 'its headers')
    assertEqual(await scene.cues.count('entered'), 0, 'how often the handler ran')
    await scene.settled({ states: [] })
  },
})

export const refusalStories: readonly HostStory[] = [
  refuse({
    name: 'refuses a bad token with 401 and does not run the handler',
    send: ({ token }) => ({ headers: { Authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA` } }),
    ...{ status: 401, problem: 'invalid-token', challenge: 'Bearer error="invalid_token"' },
  }),
  refuse({ name: 'refuses a request without a token with 401', send: () => ({ headers: { Authorization: '' } }), status: 401, problem: 'unauthenticated', challenge: 'Bearer' }),
  refuse({ name: 'refuses a malformed Authorization header with 400', send: () => ({ headers: { Authorization: 'Bearer two words' } }), status: 400, problem: 'invalid-request' }),
  {
    name: 'refuses who has too little with 402 and does not run the handler',
    requires: [{ type: 'lead', amount: 6 }],
    handle: () => respond(200),
    async play({ ask, cues, settled }) {
      assertEqual((await ask()).status, 402, 'the status')
      assertEqual(await cues.count('entered'), 0, 'how often the handler ran')
      await settled({ states: [] })
    },
  },
]
