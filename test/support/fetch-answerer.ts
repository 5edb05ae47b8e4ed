import type { Credits, Guard } from 'creditgate'
import { fetchCredits } from 'creditgate/fetch'
import type { Route } from 'creditgate/testing'

/** A scenario's route as a function from `Request` to `Response`, on any runtime: nothing here is Node's. */

type Answerer = (request: Request, ...rest: unknown[]) => Response | Promise<Response>

/** Guards around guards, and around all of them what a framework makes of an error. */
export function createAnswerer(guard: Guard, route: Route): Answerer {
  const requireCredits = fetchCredits(guard)
  const handle = async (_request: Request, credits: Credits): Promise<Response> => {
    const ending = await route.handle(credits)
    if (ending.kind === 'throw') throw ending.value
    if (ending.kind === 'text') return new Response(ending.body === '' ? null : ending.body, { status: ending.status })
    return new Response(createBody(ending.chunks), { status: ending.status, headers: { 'Content-Type': ending.contentType } })
  }
  type Inner = (request: Request, credits: Credits, ...rest: unknown[]) => Response | Promise<Response>
  const guarded = route.requires.reduceRight<Inner>((inner, { type, amount, options }) => requireCredits(type, amount, options)(inner), handle) as Answerer
  return async (request, ...rest) => {
    try {
      return await guarded(request, ...rest)
    } catch {
      return new Response('sorry', { status: route.errorStatus })
    }
  }
}

/** A body that is made as it is read. */
export function createBody(chunks: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder()
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) controller.close()
      else controller.enqueue(encoder.encode(next.value))
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
