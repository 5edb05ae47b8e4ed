import { once } from 'node:events'
import { createServer } from 'node:http'
import { queryObjects } from 'node:v8'
import createFastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGuard, type Credits, type Guard } from 'creditgate'
import { fastifyCredits } from 'creditgate/fastify'
import { createMemoryLedger, createTestClock, createTestIdentity, type Ending, type Route } from 'creditgate/testing'
import { connectTo, readAll } from '../../testing/client.ts'
import { HOSTS } from '../support/hosts.ts'

/** Whatever a request ends in, it leaves nothing behind: no listener, no timer, no promise, no memory. */

const IN_PROCESS = 50_000
const INJECTED = 5_000
const OVER_SOCKETS = 500
const AT_ONCE = 50
/** What a runtime and a framework set up for themselves, and the noise of a heap; a leak is one for each request, thousands. */
const FEW = 100
const MOST_HEAP_GROWTH_BYTES = 16 * 1024 * 1024

const text = (status: number, body: string): Ending => ({ kind: 'text', status, body })
const stream = (chunks: AsyncIterable<string>): Ending => ({ kind: 'stream', status: 200, contentType: 'text/plain', chunks })

const ENDINGS: readonly ((credits: Credits) => Ending)[] = [
  () => text(200, 'text'),
  (credits) => (credits.report(1), text(200, '')),
  () => text(500, 'sorry'),
  () => text(200, 'text'),
  () => ({ kind: 'throw', value: new Error('no') }),
  () => text(404, ''),
  () => stream(write(3, false)),
  (credits) => (credits.commit(1), text(200, 'text')),
  () => stream(write(2, true)),
]

// eslint-disable-next-line @typescript-eslint/require-await -- a stream, whose chunks are there at once
async function* write(count: number, fails: boolean): AsyncGenerator<string> {
  for (let place = 1; place <= count; place += 1) yield 'chunk\n'
  if (fails) throw new Error('the source broke')
}

/** One user with no end of credits, and a route on which every ending has its turn. */
function arrange() {
  const clock = createTestClock()
  const ledger = createMemoryLedger({ clock })
  const identity = createTestIdentity()
  const account = ledger.createAccount()
  ledger.addCredits(account, { allotted: null })
  const guard: Guard = createGuard({ identity, ledger, onEvent: () => undefined })
  let turn = 0
  const handle = (credits: Credits): Promise<Ending> => {
    turn += 1
    return Promise.resolve((ENDINGS[turn % ENDINGS.length] as (typeof ENDINGS)[number])(credits))
  }
  const route: Route = { name: 'leaks', requires: [{ type: 'ai', amount: 2 }], guardsRouter: false, errorStatus: 500, handle }
  return {
    guard,
    route,
    authorization: `Bearer ${identity.createToken({ user: account.user })}`,
    countReserved: () => ledger.listReservations().length,
    /** Forgets what the ledger itself remembers: that is its work, and no leak. */
    async forget() {
      expect(await guard.close()).toBe(0)
      clock.advance({ seconds: 2 * 86_400 })
      while ((await ledger.prune({ olderThanDays: 1, most: 1000 }) as { more: boolean }).more) continue
    },
  }
}
type Stage = ReturnType<typeof arrange>

type AddListener = (this: EventTarget, type: string, ...rest: unknown[]) => void

/** Listeners for `abort` that were added and not taken away, on whatever signal. Patched by hand: a spy would itself keep each signal. */
let abortListeners = 0
const add = Reflect.get(EventTarget.prototype, 'addEventListener') as AddListener
const remove = Reflect.get(EventTarget.prototype, 'removeEventListener') as AddListener
const { error } = console
beforeEach(() => {
  abortListeners = 0
  const countBy = (by: number, act: AddListener): AddListener =>
    function (type, ...rest) {
      if (type === 'abort') abortListeners += by
      act.call(this, type, ...rest)
    }
  Object.assign(EventTarget.prototype, { addEventListener: countBy(1, add), removeEventListener: countBy(-1, remove) })
  // What the streams' failures are to the hosts.
  console.error = () => undefined
})
afterEach(() => {
  Object.assign(EventTarget.prototype, { addEventListener: add, removeEventListener: remove })
  console.error = error
})

interface Left {
  readonly timers: number
  readonly listeners: number
  readonly abortListeners: number
  readonly promises: number
  readonly signals: number
  readonly streams: number
  readonly heap: number
}

/** Counts what is alive, after a collection of the heap. */
function count(): Left {
  const countAlive = (constructor: unknown) => queryObjects(constructor as never, { format: 'count' })
  const [promises, signals, streams] = [countAlive(Promise), countAlive(AbortSignal), countAlive(ReadableStream)]
  return {
    timers: process.getActiveResourcesInfo().filter((name) => name === 'Timeout' || name === 'Immediate').length,
    listeners: process.eventNames().reduce((total, name) => total + process.listenerCount(name), 0),
    ...{ abortListeners, promises, signals, streams, heap: process.memoryUsage().heapUsed },
  }
}

async function expectNothingLeft(stage: Stage, { times, send }: { readonly times: number; readonly send: () => Promise<unknown> }): Promise<void> {
  const sendMany = async (many: number) => {
    for (let sent = 0; sent < many; sent += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, send))
      // A turn of the event loop, as on a server: nothing here waits for anything else.
      await turnLoop()
      if (sent % 5_000 === 0) await stage.forget()
    }
    await stage.forget()
    await turnLoop()
  }
  await sendMany(200) // what is set up once is set up
  const before = count()
  await sendMany(times)
  const after = count()
  expect(stage.countReserved()).toBe(0)
  for (const what of ['timers', 'listeners', 'abortListeners', 'promises', 'signals', 'streams'] as const) expect(after[what] - before[what], what).toBeLessThan(FEW)
  expect(after.heap - before.heap, 'heap').toBeLessThan(MOST_HEAP_GROWTH_BYTES)
}

const turnLoop = () => new Promise((resolve) => setImmediate(resolve))
const find = (name: string) => HOSTS.find((host) => host.name === name) ?? expect.fail(`there is no host ${name}`)

describe.each(['Hono app.request', 'fetch as a function'])('on %s', (name) => {
  it(`${IN_PROCESS} requests leave nothing behind`, { timeout: 120_000 }, async () => {
    const stage = arrange()
    const { at } = await find(name).serve(stage.guard, stage.route)
    const answer = at as (request: Request) => Promise<Response>
    let turn = 0
    await expectNothingLeft(stage, {
      times: IN_PROCESS,
      async send() {
        turn += 1
        // Every seventh is refused, every eleventh leaves before it has read all.
        const response = await answer(new Request('http://localhost/paid', { method: 'POST', headers: turn % 7 === 0 ? {} : { Authorization: stage.authorization } }))
        if (turn % 11 === 0) await response.body?.cancel()
        else await response.text().catch(() => undefined)
      },
    })
  })
})

it(`on Fastify, ${INJECTED} injected requests leave nothing behind`, { timeout: 120_000 }, async () => {
  const stage = arrange()
  const app = createFastify()
  const requireCredits = fastifyCredits(app, stage.guard)
  app.post('/paid', { preHandler: requireCredits('ai', 2) }, async (request, reply) => {
    const ending = await stage.route.handle(request.credits as Credits)
    if (ending.kind === 'throw') throw ending.value
    // What is injected has no socket whose end could be seen.
    return ending.kind === 'text' ? reply.code(ending.status).send(ending.body) : 'text'
  })
  await expectNothingLeft(stage, { times: INJECTED, send: () => app.inject({ method: 'POST', url: '/paid', headers: { authorization: stage.authorization } }) })
  await app.close()
})

describe.each(['Express 4', 'Express 5', 'Hono on Node', 'Fastify 5', 'fetch on Node'])('on %s', (name) => {
  it(`${OVER_SOCKETS} requests over sockets leave nothing behind`, { timeout: 120_000 }, async () => {
    const stage = arrange()
    const served = await find(name).serve(stage.guard, stage.route)
    const client = await connectTo(served.at as string, { headers: { Authorization: stage.authorization } })
    let turn = 0
    await expectNothingLeft(stage, {
      times: OVER_SOCKETS,
      async send() {
        turn += 1
        const exchange = client.send()
        if (turn % 5 === 0) {
          await exchange.head.catch(() => undefined)
          exchange.leave()
        } else await readAll(exchange).catch(() => undefined)
      },
    })
    client.close()
    await served.close()
  })
})

it('would be seen: a listener, a timer and a promise for each request', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const before = count()
  const [signal, kept, timers] = [new AbortController().signal, [] as Promise<void>[], [] as NodeJS.Timeout[]]
  for (let place = 0; place < 1_000; place += 1) {
    signal.addEventListener('abort', () => undefined)
    kept.push(new Promise(() => undefined))
    timers.push(setTimeout(() => undefined, 60_000))
  }
  const after = count()
  expect([after.abortListeners - before.abortListeners, after.timers - before.timers]).toEqual([1_000, 1_000])
  expect(after.promises - before.promises).toBeGreaterThanOrEqual(1_000)
  expect(kept.length).toBe(1_000)
  for (const timer of timers) clearTimeout(timer)
  server.close()
})
