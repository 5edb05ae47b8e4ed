import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { honoCredits } from 'creditgate/hono'
import express from 'express'
import { Hono } from 'hono'
import pg from 'pg'

/** What the process is started with, as JSON. */
export interface HttpServerOptions {
  readonly databaseUrl: string
  readonly poolSize: number
  readonly url: string
  readonly secret: string
}

/** First the ports, once; then, for each message that comes in, what the guard had left to settle and how long that took. */
export type HttpServerMessage = { readonly hono: number; readonly express: number } | { readonly drainedSeconds: number; readonly left: number }

const { databaseUrl, poolSize, url, secret } = JSON.parse(process.argv[2] ?? '{}') as HttpServerOptions
const guard = createGuard({
  identity: supabaseJwt({ url, secret }),
  ledger: postgresLedger(new pg.Pool({ connectionString: databaseUrl, max: poolSize, idleTimeoutMillis: 0 })),
})
const BODY = 'the answer'

const hono = new Hono()
hono.get('/unguarded', (c) => c.text(BODY))
hono.get('/guarded', honoCredits(guard)('ai', 1), (c) => c.text(BODY))

const app = express()
app.get('/unguarded', (_req, res) => {
  res.type('text').send(BODY)
})
app.get('/guarded', expressCredits(guard)('ai', 1), (_req, res) => {
  res.type('text').send(BODY)
})

const honoServer = serve({ fetch: hono.fetch, port: 0, hostname: '127.0.0.1' }) as Server
const expressServer = createServer(app).listen(0, '127.0.0.1')
await Promise.all([honoServer, expressServer].filter((server) => !server.listening).map((server) => once(server, 'listening')))
const readPort = (server: Server) => (server.address() as AddressInfo).port
tell({ hono: readPort(honoServer), express: readPort(expressServer) })

process.on('message', () => void drain())
process.on('disconnect', () => process.exit())

async function drain(): Promise<void> {
  const asked = performance.now()
  const left = await guard.close({ withinSeconds: 60 })
  tell({ drainedSeconds: (performance.now() - asked) / 1000, left })
}

function tell(message: HttpServerMessage): void {
  process.send?.(message)
}
