import { createGuard, supabaseJwt, supabaseLedger, type SupabaseClientLike } from 'creditgate'
import { createCues, type HandlerCues, type TestCues } from '../../../testing/cues.ts'
import { readHostRoute } from '../../../testing/host-scenarios.ts'
import { createAnswerer } from '../fetch-answerer.ts'

/** Where the other parts are. */
export interface Surroundings {
  readonly AUTH_URL: string
  readonly API_URL: string
  readonly API_KEY: string
}

/** What is known of the calls to the database: `longest` is how many elements travelled together at most. */
export interface CallsReading {
  readonly runtime: string
  readonly longest: number
}

/**
 * Serves every scenario, in a process of a runtime's own: a request names its scenario and its run in headers, and a test tells
 * and asks through `/cues`. Nothing in here is of any one runtime.
 *
 * @returns a handler; what its host hands over behind the request goes on to the guarded handlers.
 */
export function createScenarioServer({ AUTH_URL, API_URL, API_KEY }: Surroundings): (request: Request, ...rest: unknown[]) => Promise<Response> {
  let longest = 0
  const guard = createGuard({ identity: supabaseJwt({ url: AUTH_URL }), ledger: supabaseLedger(createRpcClient({ url: API_URL, key: API_KEY, onCall: (elements) => (longest = Math.max(longest, elements)) })), onEvent: () => undefined })
  const runs = new Map<string, HandlerCues & TestCues>()

  function findCues(run: string): HandlerCues & TestCues {
    const cues = runs.get(run) ?? createCues()
    runs.set(run, cues)
    return cues
  }

  return async (request, ...rest) => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname === '/calls') return Response.json({ runtime: navigator.userAgent, longest } satisfies CallsReading)
    if (pathname === '/cues') {
      const cues = findCues(searchParams.get('run') ?? '')
      const cue = searchParams.get('give')
      if (cue !== null) await cues.give(cue)
      return new Response(String(await cues.count(searchParams.get('count') ?? '')))
    }
    const name = decodeURIComponent(request.headers.get('Scenario') ?? '')
    return createAnswerer(guard, readHostRoute(name, findCues(request.headers.get('Run') ?? '')))(request, ...rest)
  }
}

/** As objects, or in columns. */
type Requests = readonly unknown[] | { readonly ids: readonly unknown[] }

const countElements = (requests: Requests = []): number => ('ids' in requests ? requests.ids : requests).length

/** The sliver of a supabase-js client that a ledger needs. */
function createRpcClient({ url, key, onCall }: { readonly url: string; readonly key: string; readonly onCall: (elements: number) => void }): SupabaseClientLike {
  return {
    async rpc(name: string, parameters: { readonly requests?: Requests } = {}) {
      onCall(countElements(parameters.requests))
      const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }
      const response = await fetch(`${url}/rpc/${name}`, { method: 'POST', headers, body: JSON.stringify(parameters) })
      const answer: unknown = await response.json()
      return response.ok ? { data: answer, error: null } : { data: null, error: answer as { code?: string; message?: string } }
    },
  }
}
