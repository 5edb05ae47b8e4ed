import { fastifyCredits } from 'creditgate/fastify'
import fastify from 'fastify'
import { guard } from './guard.ts'

export const app = fastify()
const requireCredits = fastifyCredits(app, guard)

app.post('/summary/:id', { preHandler: requireCredits('ai', 2) }, async (request) => {
  const left: number | null | undefined = request.credits?.remaining
  return Promise.resolve({ left })
})
app.get('/leads', { preHandler: [requireCredits('ai', 1), requireCredits('lead', (request) => Number((request.query as { rows?: string }).rows))] }, (request, reply) => {
  request.credits?.commit(3)
  void reply.send('')
})

export function refuse(): void {
  // @ts-expect-error -- no such credit type
  requireCredits('video', 1)
  // @ts-expect-error -- no such option
  requireCredits('ai', 1, { allowAnonymus: true })
}
