import type { Outcome } from './outcome.ts'
import type { Recorder } from './recorder.ts'

/** How a body went: the two facts about a response that its status does not tell. */
export type BodyEnd = Pick<Outcome, 'ended' | 'started'>

/**
 * Passes a body through chunk by chunk and reports once how it ended. The stream closes only after `onEnd` has
 * resolved, so that a runtime that stops with the response still settles, and whoever reads it to its end finds it settled.
 *
 * `recorder`, where given, is handed every chunk that passes.
 *
 * It reads at most two chunks ahead: one so that the end of a short body is seen even if nobody reads it.
 */
export function observeBody(body: ReadableStream<Uint8Array>, onEnd: (end: BodyEnd) => Promise<void>, recorder?: Pick<Recorder, 'write'>): ReadableStream<Uint8Array> {
  const reader = body.getReader()
  let started = false
  let reported: Promise<void> | undefined
  // A cancel can come while a read is under way, which then ends too: the first of them is how the body ended.
  const report = (ended: BodyEnd['ended']) => (reported ??= onEnd({ ended, started }))
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read()
          if (!done) {
            started = true
            recorder?.write(value)
            controller.enqueue(value)
            return
          }
        } catch (error) {
          await report('failed')
          controller.error(error)
          return
        }
        const cancelled = reported !== undefined
        await report('finished')
        if (!cancelled) controller.close()
      },
      async cancel(reason) {
        await Promise.allSettled([report('aborted'), reader.cancel(reason)])
      },
    },
    { highWaterMark: 2 },
  )
}
