import type { Credits } from 'creditgate'
import { sleep } from '../assertion.ts'
import type { HandlerCues } from '../cues.ts'
import type { Ending } from '../host.ts'

export const respond = (status: number, body = 'text'): Ending => ({ kind: 'text', status, body })

export const stream = (chunks: AsyncIterable<string>, { status = 200, contentType = 'text/plain' }: { readonly status?: number; readonly contentType?: string } = {}): Ending => ({ kind: 'stream', status, contentType, chunks })

export interface ChunksOptions {
  /** How many there are. Default 400. */
  readonly count?: number
  /** Each chunk is reported as delivered when it is handed over, up to this one. Default: none. */
  readonly reports?: number
  /** Waits for the cue `gone` after so many. Default: it does not. */
  readonly waitsAfter?: number
  /** Throws after so many. Default: it does not. */
  readonly failsAfter?: number
  /** Made of the chunk's number, from 1. */
  readonly write?: (place: number) => string
}

/** Chunks one by one, with time between them for a client to leave; each is noted as `produced`, and the end of it all as `stopped`. */
export async function* writeChunks(
  { credits, cues }: { readonly credits: Credits; readonly cues: HandlerCues },
  { count = 400, reports = 0, waitsAfter, failsAfter, write = (place) => `chunk ${place}\n` }: ChunksOptions,
): AsyncGenerator<string> {
  try {
    for (let place = 1; place <= count; place += 1) {
      if (failsAfter === place - 1) throw new Error('the source broke')
      if (place <= reports) credits.report(place)
      cues.note('produced')
      yield write(place)
      if (waitsAfter === place) await cues.until('gone')
      await sleep(2)
    }
    if (failsAfter === count) throw new Error('the source broke')
  } finally {
    cues.note('stopped')
  }
}

/** As server-sent events. */
export const asEvents: Pick<ChunksOptions, 'write'> & { readonly contentType: string } = { contentType: 'text/event-stream', write: (place) => `id: ${place}\ndata: {"token":${place}}\n\n` }

/** As rows of a CSV file, the first being its header. */
export const asCsv: Pick<ChunksOptions, 'write'> & { readonly contentType: string } = { contentType: 'text/csv', write: (place) => (place === 1 ? 'id,name\r\n' : `${place},"lead ${place}"\r\n`) }
