import { Hono } from 'hono'
import type { Guard } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { traceSubject, type Subject } from './local-skip-trace-provider.ts'

/** `POST /skip-trace {"name": "Jane Doe", "city": "Austin"}` looks a person up. One credit is one person found. */
export function createApp(guard: Guard<'skipTrace'>): Hono {
  const requireCredits = honoCredits(guard)
  const app = new Hono()

  app.post('/skip-trace', requireCredits('skipTrace', 1), async (c) => {
    const { name, city } = await c.req.json<Partial<Subject>>()
    if (name === undefined || city === undefined) return c.json({ error: 'name and city are needed' }, 400) // refunded too

    const contact = await traceSubject({ name, city })
    if (contact === undefined) c.var.credits.refund()
    return c.json({ found: contact !== undefined, contact })
  })
  return app
}
