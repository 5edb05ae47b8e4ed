import { streamText, wrapLanguageModel, type TextStreamPart, type ToolSet } from 'ai'
import { Hono, type Context } from 'hono'
import type { Guard } from 'creditgate'
import { meterModel } from 'creditgate/ai'
import { honoCredits } from 'creditgate/hono'
import { createLocalModel } from './local-model.ts'

/** `POST /generate {"prompt": "...", "maxTokens": 40}` streams a text. One credit is one token of it. */
export function createApp(guard: Guard<'ai'>): Hono {
  const requireCredits = honoCredits(guard)
  const app = new Hono()

  app.post('/generate', requireCredits('ai', readMaxTokens), async (c) => {
    const { prompt = '' } = await c.req.json<{ prompt?: string }>()
    const { credits } = c.var
    // This model's tokens are words, of six bytes or so: what a reader who leaves is charged by. The default, 4, suits real ones.
    const middleware = meterModel({ credits, creditsFor: ({ outputTokens }) => outputTokens, bytesPerToken: 6 })
    const { fullStream } = streamText({
      model: wrapLanguageModel({ model: createLocalModel(), middleware }),
      prompt,
      maxOutputTokens: credits.amount,
      abortSignal: c.req.raw.signal, // without it the SDK does not tell the model that the reader has left
      maxRetries: 0,
      onError: () => undefined, // told below
    })

    const texts = readTexts(fullStream)
    const first = await texts.next().catch(() => undefined)
    if (first === undefined) return c.json({ error: 'the text provider failed' }, 502) // 400 or above: refunded
    return c.body(createBody(first, texts), 200, { 'Content-Type': 'text/plain; charset=utf-8' })
  })
  return app
}

/** The most that the call can cost. NaN, where the body does not say, is answered with 400 by the guard. */
async function readMaxTokens(c: Context): Promise<number> {
  const body = await c.req.json<{ maxTokens?: unknown } | null>().catch(() => null)
  return Number(body?.maxTokens)
}

// Not result.textStream: it ends as if all were well when the model broke off.
async function* readTexts(parts: AsyncIterable<TextStreamPart<ToolSet>>): AsyncGenerator<string, void> {
  for await (const part of parts) {
    if (part.type === 'text-delta') yield part.text
    if (part.type === 'error') throw part.error
    if (part.type === 'abort') return
  }
}

// Not Hono's stream(): it closes a stream whose callback threw as if it were complete, so that the caller would take
// half a text for a whole one.
function createBody(first: IteratorResult<string, void>, texts: AsyncGenerator<string, void>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  let next: IteratorResult<string, void> | undefined = first
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = next ?? (await texts.next())
        next = undefined
        if (done === true) controller.close()
        else controller.enqueue(encoder.encode(value))
      },
      async cancel() {
        await texts.return()
      },
    },
    { highWaterMark: 0 },
  )
}
