import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import express from 'express'
import { Hono } from 'hono'
import { createGuard, postgresLedger, supabaseJwt, type Admission, type Amount, type Guard, type GuardEvent } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { honoCredits } from 'creditgate/hono'
import { createDatabase, type Database } from '../support/database.ts'
import { addCredits, createAccount } from '../support/seed.ts'
import { startProject, type Project } from './forge.ts'

export interface SendOptions {
  /** Added to the Authorization of a user with credits enough, or instead of it. */
  readonly headers?: Readonly<Record<string, string>>
  /** Default `POST`. */
  readonly method?: string
  readonly query?: string
  readonly body?: string
}

/** One guarded route on Hono and on Express, over sockets, whose price can be changed, and its gate without a host. */
export interface PaidRoute {
  readonly database: Database
  readonly project: Project
  readonly guard: Guard
  /** The header of a user with credits enough. */
  readonly authorization: string
  readonly events: readonly GuardEvent[]
  /** What the route's function for the amount does from now on. */
  setAmount(amount: () => unknown): void
  getPort(host: HostName): number
  send(host: HostName, options?: SendOptions): Promise<{ readonly status: number; readonly type: string | undefined }>
  /** Asks the gate itself, for what no client could send. */
  admit(request?: object, amount?: Amount<object>): Promise<Admission>
  /** How many rows and handlers something comes to. */
  count(work: () => Promise<void>): Promise<{ readonly rows: number; readonly handlers: number }>
  close(): Promise<void>
}

export type HostName = 'Hono' | 'Express'
export const HOST_NAMES: readonly HostName[] = ['Hono', 'Express']
export const NOTHING = { rows: 0, handlers: 0 }

/** A problem as `send` gives it. */
export const problem = (status: number, name: string) => ({ status, type: `urn:problem-type:creditgate:${name}` })

export async function openPaidRoute(): Promise<PaidRoute> {
  const database = await createDatabase()
  const project = await startProject('ES256')
  const account = await createAccount(database)
  await addCredits(database, account, { allotted: 1_000_000 })
  const authorization = `Bearer ${project.createToken({ sub: account.user })}`
  const events: GuardEvent[] = []
  const guard = createGuard({ identity: supabaseJwt({ url: project.url }), ledger: postgresLedger(database.pool), maxAmount: 1000, onEvent: (event) => events.push(event) })
  let handled = 0
  let price: () => unknown = () => 1

  const hono = new Hono()
  hono.onError((_error, c) => c.text('sorry', 500))
  hono.use('/paid', honoCredits(guard)('ai', () => price() as number))
  hono.all('/paid', (c) => {
    handled += 1
    return c.text('done')
  })
  const app = express()
  app.use(express.json())
  app.all('/paid', expressCredits(guard)('ai', () => price() as number), (_req, res) => {
    handled += 1
    res.send('done')
  })
  const servers = {
    Hono: serve({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1', overrideGlobalObjects: false }) as Server,
    Express: app.listen(0, '127.0.0.1'),
  }
  for (const server of Object.values(servers)) if (!server.listening) await new Promise((resolve) => server.once('listening', resolve))
  const getPort = (host: HostName): number => (servers[host].address() as AddressInfo).port

  async function countReservations(): Promise<number> {
    await guard.close() // a response is settled after it has been read
    return Number((await database.query<{ count: string }>('select count(*) from creditgate.reservations'))[0]?.count)
  }

  return {
    database,
    project,
    guard,
    authorization,
    events,
    getPort,
    setAmount(next) {
      price = next
    },
    async send(host, { headers = {}, method = 'POST', query = '', body } = {}) {
      const response = await fetch(`http://127.0.0.1:${getPort(host)}/paid${query}`, { method, headers: { authorization, ...headers }, ...(body === undefined ? {} : { body }) })
      const text = await response.text()
      const isProblem = response.headers.get('content-type') === 'application/problem+json'
      return { status: response.status, type: isProblem ? (JSON.parse(text) as { type: string }).type : undefined }
    },
    admit: (request = {}, amount = 1) => guard.requireCredits<object>('ai', amount).admit({ method: 'POST', authorization, context: {}, ...request }),
    async count(work) {
      const [rows, handlers] = [await countReservations(), handled]
      await work()
      return { rows: (await countReservations()) - rows, handlers: handled - handlers }
    },
    async close() {
      for (const server of Object.values(servers)) {
        server.closeAllConnections()
        await new Promise((resolve) => server.close(resolve))
      }
      await guard.close()
      await project.server.close()
      await database.drop()
    },
  }
}
