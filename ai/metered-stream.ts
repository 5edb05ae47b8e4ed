import type { StreamPartLike } from './delivery.ts'

/** One model call while it streams. */
export interface StreamMeter<Part extends StreamPartLike> {
  readonly onPart: (part: Part) => void
  /** Called once, with the end that came first. */
  readonly onEnd: (ended: 'finished' | 'aborted' | 'failed') => Promise<void>
}

/**
 * Passes parts through one by one, only as they are asked for. The stream closes only after `onEnd` has resolved, so that a
 * runtime that stops with the response still settles.
 *
 * An abort ends it at once, whether or not the model heeds the signal: nobody reads on for free.
 */
export function meterStream<Part extends StreamPartLike>(parts: ReadableStream<Part>, { onPart, onEnd }: StreamMeter<Part>, signal: AbortSignal | undefined): ReadableStream<Part> {
  const reader = parts.getReader()
  let ending: Promise<void> | undefined
  let failed = false
  let broken = false
  let onAbort: () => void = () => undefined
  const end = (ended: 'finished' | 'aborted' | 'failed') => {
    signal?.removeEventListener('abort', onAbort)
    return (ending ??= onEnd(ended))
  }

  return new ReadableStream<Part>(
    {
      start(controller) {
        onAbort = () => {
          broken = true
          void end('aborted')
          controller.error(signal?.reason)
          reader.cancel(signal?.reason).catch(() => undefined)
        }
        if (signal?.aborted === true) onAbort()
        else signal?.addEventListener('abort', onAbort, { once: true })
      },
      async pull(controller) {
        let read: ReadableStreamReadResult<Part>
        try {
          read = await reader.read()
        } catch (error) {
          await end('failed')
          if (!broken) controller.error(error)
          return
        }
        if (broken) return
        if (read.done) {
          // Without a finish part the stream broke off, however quietly it closed.
          await end('failed')
          controller.close()
          return
        }
        onPart(read.value)
        // Providers may go on after an error part, and some tell a usage then: it marks the call, and the end settles it.
        if (read.value.type === 'error') failed = true
        if (read.value.type === 'finish') void end(failed ? 'failed' : 'finished')
        controller.enqueue(read.value)
      },
      async cancel(reason) {
        broken = true
        await Promise.allSettled([end('aborted'), reader.cancel(reason)])
      },
    },
    { highWaterMark: 0 },
  )
}
