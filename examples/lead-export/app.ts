import express, { type ErrorRequestHandler, type Express, type Request } from 'express'
import type { Guard } from 'creditgate'
import { expressCredits } from 'creditgate/express'
import { toCsv } from './csv.ts'
import { findLeads } from './local-lead-source.ts'

/** `GET /leads.csv?state=TX&rows=25` downloads leads. One credit is one row. */
export function createApp(guard: Guard<'lead'>): Express {
  const requireCredits = expressCredits(guard)
  const app = express()

  app.get('/leads.csv', requireCredits('lead', readRows), async (req, res) => {
    const { state } = req.query
    if (typeof state !== 'string') {
      res.status(400).json({ error: 'state is needed' }) // 400 or above: refunded
      return
    }
    const leads = await findLeads({ state, limit: req.credits?.amount ?? 0 })
    req.credits?.commit(leads.length)
    res.attachment('leads.csv').send(toCsv(['company', 'contact', 'email', 'state'], leads))
  })
  app.use(answerFailure)
  return app
}

/** How many rows the caller asks for. NaN is answered with 400 by the guard. */
function readRows(req: Request): number {
  return Number(req.query['rows'])
}

/** Whatever an error handler makes of it, a handler that threw is not charged. */
const answerFailure: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error)
  else res.status(502).json({ error: 'the lead source failed' })
}
