import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import express from 'express'
import pg from 'pg'
import { createGuard, postgresLedger, supabaseJwt } from 'creditgate'
import { expressCredits } from 'creditgate/express'

/**
 * A server that is to be killed. Its handler says that it holds credits, and then does what the path says: reports and
 * never answers, detaches and answers, or takes its time. On SIGTERM it ends as a server ends in production.
 */
const [databaseUrl = '', authUrl = ''] = process.argv.slice(2)
const guard = createGuard({
  identity: supabaseJwt({ url: authUrl }),
  ledger: postgresLedger(new pg.Pool({ connectionString: databaseUrl, max: 4 })),
  leaseSeconds: 3,
})
const app = express()
app.use(expressCredits(guard)('ai', 10))
app.post('/reports', (req) => {
  const reported = Number(req.query['report'] ?? 0)
  if (reported > 0) req.credits?.report(reported)
  process.send?.({ reserved: req.credits?.id })
})
app.post('/detaches', async (req, res) => {
  const job = await req.credits?.detach({ leaseSeconds: Number(req.query['lease']) })
  res.status(202).json({ job })
})
app.post('/takes-its-time', async (req, res) => {
  process.send?.({ reserved: req.credits?.id })
  await sleep(1_000)
  res.send('done')
})

const server = createServer(app).listen(0, '127.0.0.1', () => {
  const address = server.address()
  process.send?.({ port: typeof address === 'object' && address !== null ? address.port : 0 })
})
process.once('SIGTERM', () => {
  server.close(() => {
    void guard.close().then((left) => {
      process.exit(left === 0 ? 0 : 1)
    })
  })
})
