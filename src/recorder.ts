/** A response as it is kept for a repeated request, and sent again. */
export interface StoredResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array<ArrayBuffer>
}

/** Takes down what a response sends, as its adapter sees it pass. */
export interface Recorder {
  /** The head, when it is known and before it is sent. Called again, the last one stands. */
  begin(status: number, headers: Iterable<readonly [name: string, value: string]>): void
  /** Bytes of the body, in order. */
  write(chunk: Uint8Array): void
}

export interface RecorderOptions {
  /** A larger body is not kept. */
  readonly maxBytes: number
  /** Which headers are kept, in lower case. */
  readonly headers: ReadonlySet<string>
}

/** A recorder, and for the guard alone what it took down; undefined: no head, or too large a body. */
export function createRecorder({ maxBytes, headers: kept }: RecorderOptions): Recorder & { read(): StoredResponse | undefined } {
  let head: { readonly status: number; readonly headers: Record<string, string> } | undefined
  let chunks: Uint8Array[] = []
  let bytes = 0

  return {
    begin(status, headers) {
      head = { status, headers: Object.fromEntries(Array.from(headers, ([name, value]) => [name.toLowerCase(), value]).filter(([name]) => kept.has(name as string))) as Record<string, string> }
    },
    write(chunk) {
      bytes += chunk.length
      // Nothing of a body that is too large stays in memory.
      if (bytes > maxBytes) chunks = []
      else chunks.push(new Uint8Array(chunk)) // a copy: hosts use their buffers again, and the slice of a Buffer is none
    },
    read() {
      if (head === undefined || bytes > maxBytes) return undefined
      const body = new Uint8Array(bytes)
      let offset = 0
      for (const chunk of chunks) {
        body.set(chunk, offset)
        offset += chunk.length
      }
      return { ...head, body }
    },
  }
}

/** The stored response as a `Response`, for hosts whose response is a value. It has the headers that were stored, and no others. */
export function createResponse({ status, headers, body }: StoredResponse): Response {
  if (body.length === 0) return new Response(null, { status, headers })
  // Some hosts name a type for bytes that have none, but for no stream. Bun looks through the stream of a Response made of bytes.
  return new Response(new Headers(headers).has('content-type') ? body : createStream(body), { status, headers })
}

function createStream(bytes: Uint8Array): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(bytes)
      controller.close()
    },
  })
}
