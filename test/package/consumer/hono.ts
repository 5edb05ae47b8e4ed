import { honoCredits } from 'creditgate/hono'
import { Hono } from 'hono'
import { streamText } from 'hono/streaming'
import { custom, guard } from './guard.ts'

const requireCredits = honoCredits(guard)

export const app = new Hono<{ Variables: { tenant: string } }>()
  .post('/summary/:id', requireCredits('ai', 2), (c) => {
    const left: number | null = c.var.credits.remaining
    return c.json({ id: c.req.param('id'), tenant: c.var.tenant, left, user: c.var.credits.user?.id })
  })
  .get('/leads', requireCredits('lead', (c) => Number(c.req.query('rows'))), (c) => {
    c.var.credits.commit(3)
    return c.text('')
  })
  .post('/chat', requireCredits('ai', 100, { metered: true, allowAnonymous: true, allowOAuthClients: ['app'] }), (c) =>
    streamText(c, async (stream) => {
      await stream.write('word')
      c.var.credits.report(1)
    }),
  )
  .post('/video', requireCredits('ai', 1), honoCredits(custom)('video', async () => Promise.resolve(1)), (c) => c.body(null))

export function refuse(): void {
  // @ts-expect-error -- no such credit type
  requireCredits('video', 1)
  // @ts-expect-error -- an amount is a number
  requireCredits('ai', (c) => c.req.query('rows'))
  // @ts-expect-error -- no such option
  requireCredits('ai', 1, { allowAnonymus: true })
  new Hono().get('/', (c) => {
    // @ts-expect-error -- a number of credits
    c.var.credits.commit('1')
    // @ts-expect-error -- read only
    c.var.credits.amount = 0
    return c.body(null)
  })
}
