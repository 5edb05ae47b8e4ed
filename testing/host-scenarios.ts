import type { Credits, Guard } from 'creditgate'
import { assertEqual, waitUntil } from './assertion.ts'
import type { Books } from './books.ts'
import { callFunction, connectTo, readAll, type Client, type Exchange, type Reply, type SendOptions } from './client.ts'
import { createCues, type HandlerCues, type TestCues } from './cues.ts'
import type { Ability, Ending, Host, Requirement, Route } from './host.ts'
import { connectionStories } from './hosts/connection-stories.ts'
import { endingStories } from './hosts/ending-stories.ts'
import { idempotencyStories } from './hosts/idempotency-stories.ts'
import { leavingStories } from './hosts/leaving-stories.ts'
import { refusalStories } from './hosts/refusal-stories.ts'
import { replayStories } from './hosts/replay-stories.ts'
import { streamStories } from './hosts/stream-stories.ts'

/** A host that is to be tried, with a guard whose ledger these books are of. */
export interface HostBench {
  readonly host: Host
  readonly guard: Guard
  readonly books: Books
  /** Makes a bearer token that the guard's identity accepts. */
  readonly createToken: (user: string) => string | Promise<string>
}

/** One thing that can happen to a request, and what it costs, the same on every host. `run` rejects with an Error that says what was found instead. */
export interface HostScenario {
  readonly name: string
  /** What a host must be able to show for it. */
  readonly needs: readonly Ability[]
  readonly run: (bench: HostBench) => Promise<void>
}

/** What happens, as it is written down: the handler's half, and the client's. */
export interface HostStory {
  readonly name: string
  readonly needs?: readonly Ability[]
  /** Default: 10 credits of `ai`. */
  readonly requires?: readonly Requirement[]
  readonly guardsRouter?: boolean
  readonly errorStatus?: 200
  readonly handle: (credits: Credits, cues: HandlerCues) => Ending | Promise<Ending>
  readonly play: (scene: HostScene) => Promise<void>
}

/** What the client's half has at hand. */
export interface HostScene {
  readonly cues: TestCues
  readonly token: string
  readonly send: (options?: SendOptions) => Exchange
  /** Sends a request and reads its response to the end. */
  readonly ask: (options?: SendOptions) => Promise<Reply>
  /** Waits until the handler has noted this so many times. Default once. */
  readonly noted: (mark: string, times?: number) => Promise<void>
  /** Waits until nothing is open any more, and compares what is in the books. Neither row had anything used. */
  readonly settled: (expected: { readonly states: readonly string[]; readonly ai?: number; readonly lead?: number }) => Promise<void>
}

const stories: readonly HostStory[] = [...endingStories, ...streamStories, ...leavingStories, ...connectionStories, ...refusalStories, ...idempotencyStories, ...replayStories]

/**
 * What every host does.
 *
 * @example
 * for (const scenario of hostScenarios) {
 *   const reason = reasonToSkip(scenario, host)
 *   it.skipIf(reason !== undefined)(reason === undefined ? scenario.name : `${scenario.name} (${reason})`, () => scenario.run({ host, guard, books, createToken }))
 * }
 */
export const hostScenarios: readonly HostScenario[] = Object.freeze(stories.map((story): HostScenario => Object.freeze({ name: story.name, needs: Object.freeze([...(story.needs ?? [])]), run: (bench: HostBench) => runStory(story, bench) })))

/** Why a host cannot show this, in its own words; undefined: it can. */
export function reasonToSkip({ needs }: HostScenario, { cannot = {} }: Pick<Host, 'cannot'>): string | undefined {
  return needs.map((ability) => cannot[ability]).find((reason) => reason !== undefined)
}

/** The route of a scenario, for a host that serves it in another process. */
export function readHostRoute(name: string, cues: HandlerCues): Route {
  const story = stories.find((each) => each.name === name)
  if (story === undefined) throw new Error(`there is no scenario ${name}`)
  return createRoute(story, cues)
}

function createRoute({ name, requires = [{ type: 'ai', amount: 10 }], guardsRouter = false, errorStatus, handle }: HostStory, cues: HandlerCues): Route {
  return {
    name,
    requires,
    guardsRouter,
    errorStatus: errorStatus ?? 500,
    async handle(credits) {
      cues.note('entered')
      return handle(credits, cues)
    },
  }
}

async function runStory(story: HostStory, { host, guard, books, createToken }: HostBench): Promise<void> {
  const account = await books.createAccount()
  const rows = { ai: await books.addCredits(account, { allotted: 100, resetInDays: 30 }), lead: await books.addCredits(account, { type: 'lead', allotted: 5 }) }
  const token = await createToken(account.user)
  const own = createCues()
  const served = await host.serve(guard, createRoute(story, own))
  const cues = served.cues ?? own
  const options = { headers: { ...served.headers, Authorization: `Bearer ${token}` } }
  let client: Client | undefined
  try {
    const opened = typeof served.at === 'string' ? await connectTo(served.at, options) : callFunction(served.at, options)
    client = opened
    await endWithin(SCENARIO_MILLISECONDS, story.play({
      cues,
      token,
      send: (given) => opened.send(given),
      ask: (given) => readAll(opened.send(given)),
      noted: (mark, times = 1) => waitUntil(async () => (await cues.count(mark)) >= times, { what: `${mark} is noted ${times} times` }),
      async settled({ states, ai = 0, lead = 0 }) {
        const read = async () => books.listStates(account)
        await waitUntil(async () => !(await read()).includes('open'), { what: 'all reservations are settled' })
        const used = { ai: (await books.readRow(rows.ai)).used, lead: (await books.readRow(rows.lead)).used }
        assertEqual({ states: await read(), used }, { states, used: { ai, lead } }, 'what is in the books')
      },
    }))
  } finally {
    // Handlers that wait must not outlive their scenario.
    for (const cue of ['gone', 'go on', 'released']) await cues.give(cue)
    client?.close()
    await served.close()
  }
  assertEqual(await books.listViolations(), [], 'what does not add up')
}

/** Below the 5 seconds of some frameworks nothing that waits could be told from what is slow. */
const SCENARIO_MILLISECONDS = 20_000

async function endWithin(milliseconds: number, work: Promise<void>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`the scenario did not end within ${milliseconds} ms: the host sent no answer, or not all of it`)), milliseconds)
  })
  try {
    await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
