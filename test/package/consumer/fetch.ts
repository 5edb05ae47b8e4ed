import { fetchCredits } from 'creditgate/fetch'
import { guard } from './guard.ts'

const requireCredits = fetchCredits(guard)

/** As a Next.js route handler. */
export const POST: (request: Request, context: { params: Promise<{ id: string }> }) => Promise<Response> = requireCredits('ai', 2)(
  async (request: Request, credits, { params }: { params: Promise<{ id: string }> }) => Response.json({ id: (await params).id, left: credits.remaining, url: request.url }),
)
export const handler: (request: Request) => Promise<Response> = requireCredits('lead', (request) => Number(new URL(request.url).searchParams.get('rows')), { metered: true })((_request, credits) => {
  credits.report(1)
  return new Response('row')
})

export function refuse(): void {
  // @ts-expect-error -- no such credit type
  requireCredits('video', 1)
  // @ts-expect-error -- a handler answers with a Response
  requireCredits('ai', 1)(() => 'text')
}
