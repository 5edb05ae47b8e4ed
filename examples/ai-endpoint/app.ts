import { Hono, type Context } from 'hono'
import type { Credits, Guard } from 'creditgate'
import { honoCredits } from 'creditgate/hono'
import { generateText } from './local-text-provider.ts'

/** `POST /generate {"prompt": "...", "maxTokens": 40}` streams a text. One credit is one token. */
export function createApp(guard: Guard<'ai'>): Hono {
  const requireCredits = honoCredits(guard)
  const app = new Hono()

  app.post('/generate', requireCredits('ai', readMaxTokens, { metered: true }), async (c) => {
    const { prompt = '' } = await c.req.json<{ prompt?: string }>()
    const { credits } = c.var
    const request = { prompt, maxTokens: credits.amount, signal: c.req.raw.signal }

    const tokens = await generateText(request).catch(() => undefined)
    if (tokens === undefined) return c.json({ error: 'the text provider failed' }, 502) // 400 or above: refunded
    return c.body(streamText(tokens, credits), 200, { 'Content-Type': 'text/plain; charset=utf-8' })
  })
  return app
}

/** The most that the call can cost. NaN, where the body does not say, is answered with 400 by the guard. */
async function readMaxTokens(c: Context): Promise<number> {
  const body = await c.req.json<{ maxTokens?: unknown } | null>().catch(() => null)
  return Number(body?.maxTokens)
}

// Not Hono's stream(): it closes a stream whose callback threw as if it were complete, so that the caller would take
// half a text for a whole one.
function streamText(tokens: AsyncGenerator<string, void>, credits: Credits): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let produced = 0
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await tokens.next()
        if (done === true) {
          credits.commit(produced)
          controller.close()
          return
        }
        controller.enqueue(encoder.encode(value))
        credits.report((produced += 1))
      },
      async cancel() {
        await tokens.return()
      },
    },
    { highWaterMark: 0 },
  )
}
