import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import { observeBody, type BodyEnd } from '../../src/observe-body.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10))

/** A body that is fed by hand. */
function createSource(): { readonly body: ReadableStream<Uint8Array>; readonly controller: ReadableStreamDefaultController<Uint8Array>; readonly cancelled: unknown[] } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined
  const cancelled: unknown[] = []
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given
    },
    cancel(reason) {
      cancelled.push(reason)
    },
  })
  if (controller === undefined) throw new Error('a stream starts at once')
  return { body, controller, cancelled }
}

function createWatcher(): { readonly ends: BodyEnd[]; readonly onEnd: (end: BodyEnd) => Promise<void> } {
  const ends: BodyEnd[] = []
  return {
    ends,
    onEnd(end) {
      ends.push(end)
      return Promise.resolve()
    },
  }
}

describe('a body that is read to its end', () => {
  it('passes through unchanged, and is reported as finished, once', async () => {
    const { ends, onEnd } = createWatcher()
    expect(await new Response(observeBody(new Blob(['some ', 'text']).stream(), onEnd)).text()).toBe('some text')
    expect(ends).toEqual([{ ended: 'finished', started: true }])
  })

  it('passes through in whatever chunks it comes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 })), async (chunks) => {
        const { ends, onEnd } = createWatcher()
        const { body, controller } = createSource()
        const observed = observeBody(body, onEnd)
        for (const chunk of chunks) controller.enqueue(chunk)
        controller.close()
        expect(Buffer.from(await new Response(observed).arrayBuffer())).toEqual(Buffer.concat(chunks))
        expect(ends).toEqual([{ ended: 'finished', started: chunks.length > 0 }])
      }),
      { numRuns: 50 },
    )
  })

  it('is finished without having started when it is empty', async () => {
    const { ends, onEnd } = createWatcher()
    expect(await new Response(observeBody(new Blob([]).stream(), onEnd)).text()).toBe('')
    expect(ends).toEqual([{ ended: 'finished', started: false }])
  })

  it('closes only after what follows its end is done', async () => {
    const { body, controller } = createSource()
    let settled: () => void = () => undefined
    const reader = observeBody(body, () => new Promise((resolve) => (settled = resolve))).getReader()
    controller.enqueue(bytes('last'))
    controller.close()
    await reader.read()

    let closed = false
    const end = reader.read().then(() => (closed = true))
    await settle()
    expect(closed).toBe(false)
    settled()
    await end
    expect(closed).toBe(true)
  })
})

describe('a body that fails', () => {
  it.each([
    ['before its first byte', [], false],
    ['in the middle', ['first'], true],
  ])('hands on the error and is reported as failed, once: %s', async (_case, chunks, started) => {
    const { ends, onEnd } = createWatcher()
    const { body, controller } = createSource()
    const reader = observeBody(body, onEnd).getReader()
    for (const chunk of chunks) {
      controller.enqueue(bytes(chunk))
      await reader.read()
    }
    const error = new Error('upstream')
    controller.error(error)
    await expect(reader.read()).rejects.toBe(error)
    await settle()
    expect(ends).toEqual([{ ended: 'failed', started }])
  })

  it('fails its reader only after what follows is done', async () => {
    const { body, controller } = createSource()
    let settled: () => void = () => undefined
    const reader = observeBody(body, () => new Promise((resolve) => (settled = resolve))).getReader()
    let failed = false
    const end = reader.read().catch(() => (failed = true))
    controller.error(new Error('upstream'))
    await settle()
    expect(failed).toBe(false)
    settled()
    await end
    expect(failed).toBe(true)
  })
})

describe('a body that is cancelled', () => {
  it('is reported as aborted before its first byte, and so is its producer told', async () => {
    const { ends, onEnd } = createWatcher()
    const { body, cancelled } = createSource()
    const reader = observeBody(body, onEnd).getReader()
    await reader.cancel('gone')
    expect(ends[0]).toEqual({ ended: 'aborted', started: false })
    expect(cancelled).toEqual(['gone'])
  })

  it('is reported as aborted after its first byte', async () => {
    const { ends, onEnd } = createWatcher()
    const { body, controller, cancelled } = createSource()
    const reader = observeBody(body, onEnd).getReader()
    controller.enqueue(bytes('first'))
    await reader.read()
    await reader.cancel('gone')
    expect(ends[0]).toEqual({ ended: 'aborted', started: true })
    expect(cancelled).toEqual(['gone'])
  })

  it('is reported once, also when its producer was being waited for', async () => {
    const { ends, onEnd } = createWatcher()
    const { body } = createSource()
    const reader = observeBody(body, onEnd).getReader()
    const reading = reader.read()
    await settle()
    await reader.cancel()
    await reading
    await settle()
    expect(ends).toEqual([{ ended: 'aborted', started: false }])
  })

  it('is reported even when its producer does not let itself be cancelled', async () => {
    const { ends, onEnd } = createWatcher()
    const body = new ReadableStream<Uint8Array>({ cancel: () => Promise.reject(new Error('stubborn')) })
    await observeBody(body, onEnd).cancel()
    expect(ends[0]).toEqual({ ended: 'aborted', started: false })
  })
})

describe('a body that nobody reads', () => {
  it('is pulled at most two chunks ahead', async () => {
    const pull = vi.fn((controller: ReadableStreamDefaultController<Uint8Array>) => controller.enqueue(bytes('x')))
    const { ends, onEnd } = createWatcher()
    const observed = observeBody(new ReadableStream({ pull }, { highWaterMark: 0 }), onEnd)
    await settle()
    expect(pull).toHaveBeenCalledTimes(2)

    const reader = observed.getReader()
    for (let read = 1; read <= 5; read += 1) {
      await reader.read()
      await settle()
      expect(pull.mock.calls.length).toBeLessThanOrEqual(read + 2)
    }
    expect(ends).toEqual([])
    await reader.cancel()
  })

  it('is seen to end when it is a single chunk', async () => {
    const { ends, onEnd } = createWatcher()
    observeBody(new Blob(['short']).stream(), onEnd)
    await settle()
    expect(ends).toEqual([{ ended: 'finished', started: true }])
  })
})
