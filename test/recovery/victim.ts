import { createServer } from 'node:http'
import express from 'express'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { expressCredits } from 'creditgate/express'

/** A server that is to be killed: its handler reports what it is told to, says so, and never answers. */
const [databaseUrl = '', authUrl = ''] = process.argv.slice(2)
const guard = createGuard({
  identity: supabaseJwt({ url: authUrl }),
  ledger: postgresLedger(new pg.Pool({ connectionString: databaseUrl, max: 2 })),
  leaseSeconds: 3,
})
const app = express()
app.post('/', expressCredits(guard)('ai', 10), (req) => {
  const reported = Number(req.query['report'] ?? 0)
  if (reported > 0) req.credits?.report(reported)
  process.send?.({ reserved: req.credits?.id })
})
const server = createServer(app).listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 })
})
