import { fork, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { settled } from './contenders/contender.ts'
import { createHttpClient } from './http-client.ts'
import type { HttpServerMessage, HttpServerOptions } from './http-server.ts'
import type { BuiltLibrary } from './library.ts'
import { runLoad, summarize, type Measurement } from './load.ts'
import type { Plan } from './plan.ts'
import type { Say } from './progress.ts'
import { countRounds } from './rounds.ts'
import { POOL_SIZE, type BenchDatabase } from './stage.ts'
import { signToken, TOKEN_URL } from './token.ts'

const HOSTS = ['hono', 'express'] as const
const ROUTES = ['unguarded', 'guarded'] as const
const CALLERS = 256

/** Whole requests, `reserve` and `pair` being the same. Guarded ones count once they are settled. */
export interface HttpFigure extends Measurement {
  readonly host: (typeof HOSTS)[number]
  readonly route: (typeof ROUTES)[number]
}

interface Ports {
  readonly hono: number
  readonly express: number
}

interface Drained {
  readonly drainedSeconds: number
  readonly left: number
}

/** Routes that answer at once, in a process of their own, over pg, with real tokens of a thousand users. */
export async function measureHttp(library: BuiltLibrary, { database, plan, say }: { readonly database: BenchDatabase; readonly plan: Plan; readonly say: Say }): Promise<readonly HttpFigure[]> {
  const secret = randomBytes(32).toString('hex')
  const accounts = await database.createAccounts()
  const authorizations = await Promise.all(accounts.map(async ({ user }) => `Bearer ${await signToken(user, secret)}`))
  const options: HttpServerOptions = { databaseUrl: database.url, poolSize: POOL_SIZE, url: TOKEN_URL, secret }
  const server = fork(library.scripts['http-server'], [JSON.stringify(options)], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const killOnExit = () => server.kill('SIGKILL')
  process.once('exit', killOnExit)
  try {
    const ports = (await receive(server)) as Ports
    const rounds = new Map<string, Measurement[]>()
    const sides = HOSTS.flatMap((host) => ROUTES.map((route) => ({ host, route })))
    // Round 0 is not counted: connections, compiled code, tokens in the cache.
    for (const round of countRounds({ rounds: plan.rounds, seconds: plan.mostSeconds.http, uncounted: 1 })) {
      const figures: string[] = []
      for (const { host, route } of round % 2 === 0 ? sides : sides.toReversed()) {
        const measurement = await runRoute(server, { port: ports[host], path: `/${route}`, authorizations, milliseconds: plan.httpSliceMilliseconds })
        if (round > 0) rounds.set(`${host} ${route}`, [...(rounds.get(`${host} ${route}`) ?? []), measurement])
        figures.push(`${host} ${route} ${Math.round(measurement.perSecond)}`)
      }
      say(`${round === 0 ? 'first requests' : `round ${round} of ${plan.rounds}`}: ${figures.join(', ')} requests/s`)
    }
    return sides.map(({ host, route }) => ({ host, route, ...summarize(rounds.get(`${host} ${route}`) ?? []) }))
  } finally {
    process.off('exit', killOnExit)
    server.kill('SIGKILL')
  }
}

interface RouteLoad {
  readonly port: number
  readonly path: string
  readonly authorizations: readonly string[]
  readonly milliseconds: number
}

async function runRoute(server: ChildProcess, { port, path, authorizations, milliseconds }: RouteLoad): Promise<Measurement> {
  const client = createHttpClient(port)
  try {
    const measurement = await runLoad(
      { reserve: async (account) => ((await client.get(path, authorizations[account] as string)) === 200 ? settled : undefined) },
      { shape: 'spread', callers: CALLERS, milliseconds },
    )
    // A response leaves before its call is settled. Were that debt not collected, each request would look cheaper than it is.
    const drained = receive(server) as Promise<Drained>
    server.send('drain')
    const { drainedSeconds, left } = await drained
    if (left > 0) throw new Error(`${left} requests were not settled`)
    return { ...measurement, perSecond: measurement.pairs / (measurement.seconds + drainedSeconds) }
  } finally {
    client.close()
  }
}

async function receive(server: ChildProcess): Promise<HttpServerMessage> {
  const stopped = new AbortController()
  const ended = once(server, 'exit', { signal: stopped.signal }).then(() => {
    throw new Error('the HTTP server ended')
  })
  try {
    const [message] = (await Promise.race([once(server, 'message', { signal: stopped.signal }), ended])) as [HttpServerMessage]
    return message
  } finally {
    stopped.abort()
    ended.catch(() => undefined)
  }
}
