import { createGuard, postgresLedger, supabaseJwt, type Guard, type GuardEvent, type RouteOptions } from 'creditgate'
import type { Database } from '../support/database.ts'
import { connectTo, readAll, type Client } from '../../testing/client.ts'
import type { Served } from '../../testing/host.ts'
import { HOSTS } from '../support/hosts.ts'
import { addCredits, createAccount } from '../support/seed.ts'
import type { Project } from './forge.ts'

export interface Answer {
  readonly status: number
  /** The name of the problem's type, or undefined for an answer that is none. */
  readonly problem: string | undefined
  readonly challenge: string | null
}

/** One way in: the gate as an adapter calls it, or a host over a socket. */
export interface Way {
  readonly name: string
  /** Undefined: this header cannot be sent that way. */
  readonly send: (authorization: string) => Promise<Answer | undefined>
}

/** A guarded route on each way in, in front of a real database. */
export interface Scene {
  readonly ways: readonly Way[]
  readonly guard: Guard
  readonly events: readonly GuardEvent[]
  /** A user of the project with credits enough. */
  readonly user: string
  readonly handled: number
  /** How many reservations there are in the database. */
  countReservations(): Promise<number>
  close(): Promise<void>
}

const URN = 'urn:problem-type:creditgate:'

export async function setScene(database: Database, project: Project, options: RouteOptions = {}): Promise<Scene> {
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 1_000_000 })
  const events: GuardEvent[] = []
  const identity = supabaseJwt({ url: project.url, ...(project.algorithm === 'HS256' && { secret: project.secret }) })
  const guard = createGuard({ identity, ledger: postgresLedger(database.pool), onEvent: (event) => events.push(event) })
  let handled = 0

  const gate = guard.requireCredits<object>('ai', 1, options)
  const direct: Way = {
    name: 'the gate',
    async send(authorization) {
      const admission = await gate.admit({ method: 'POST', authorization, context: {} })
      if (admission.outcome === 'replayed') throw new Error('nothing is kept here')
      if (admission.outcome === 'denied') return { status: admission.problem.status, problem: admission.problem.name, challenge: admission.problem.headers['WWW-Authenticate'] ?? null }
      handled += 1
      await admission.settle({ status: 200, threw: false, ended: 'finished', started: true })
      return { status: 200, problem: undefined, challenge: null }
    },
  }

  const opened: { readonly client: Client; readonly served: Served }[] = []
  const ways = [direct]
  for (const host of HOSTS.filter(({ name }) => ['Express 5', 'Hono on Node'].includes(name))) {
    const served = await host.serve(guard, {
      name: 'a paid route',
      guardsRouter: false,
      errorStatus: 500,
      requires: [{ type: 'ai', amount: 1, options }],
      handle() {
        handled += 1
        return Promise.resolve({ kind: 'text', status: 200, body: 'done' })
      },
    })
    const client = await connectTo(String(served.at), { headers: {} })
    opened.push({ client, served })
    ways.push({
      name: host.name,
      async send(authorization) {
        if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(authorization) || authorization.length > 15_000) return undefined
        const response = await readAll(client.send({ headers: { Authorization: authorization } }))
        const isProblem = response.headers.get('content-type') === 'application/problem+json'
        const type = isProblem ? (JSON.parse(response.body) as { type: string }).type : undefined
        return { status: response.status, problem: type?.replace(URN, ''), challenge: response.headers.get('www-authenticate') }
      },
    })
  }

  return {
    ways,
    guard,
    events,
    user: account.user,
    get handled() {
      return handled
    },
    async countReservations() {
      await guard.close() // a response is settled after it has been read
      return Number((await database.query<{ count: string }>('select count(*) from creditgate.reservations'))[0]?.count)
    },
    async close() {
      for (const { client, served } of opened) {
        client.close()
        await served.close()
      }
      await guard.close()
    },
  }
}
