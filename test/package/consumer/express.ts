import { expressCredits } from 'creditgate/express'
import express, { Router } from 'express'
import { custom, guard } from './guard.ts'

const requireCredits = expressCredits(guard)

export const app = express()
app.post('/summary', requireCredits('ai', 2), (req, res) => {
  const left: number | null | undefined = req.credits?.remaining
  res.json({ left, user: req.credits?.user?.id })
})
app.get('/leads', requireCredits('lead', (req) => Number(req.query['rows'])), (req, res) => {
  req.credits?.commit(3)
  res.send('')
})
app.use('/skip-trace', requireCredits('skipTrace', 1, { settleBy: () => ({ outcome: 'refund' }) }))
export const router = Router().post('/video', requireCredits('ai', 1), expressCredits(custom)('video', 1), (_req, res) => res.sendStatus(204))

export function refuse(): void {
  // @ts-expect-error -- no such credit type
  requireCredits('video', 1)
  // @ts-expect-error -- an amount is a number
  requireCredits('ai', (req) => req.query['rows'])
  // @ts-expect-error -- no such option
  requireCredits('ai', 1, { allowAnonymus: true })
  app.get('/', (req) => {
    // @ts-expect-error -- a number of credits
    req.credits?.commit('1')
  })
}
