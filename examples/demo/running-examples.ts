import { getRequestListener } from '@hono/node-server'
import type { Guard } from 'creditgate'
import { createApp as createAiEndpoint } from '../ai-endpoint/app.ts'
import { createApp as createLeadExport } from '../lead-export/app.ts'
import { createApp as createSkipTrace } from '../skip-trace/app.ts'
import { listenOnLoopback } from './loopback-server.ts'

/** The three examples, each behind its own port, all with the one guard. */
export interface RunningExamples {
  readonly urls: Readonly<Record<'aiEndpoint' | 'leadExport' | 'skipTrace', string>>
  close(): Promise<void>
}

export async function startExamples(guard: Guard): Promise<RunningExamples> {
  const aiEndpoint = await listenOnLoopback(fromHono(createAiEndpoint(guard)))
  const leadExport = await listenOnLoopback(createLeadExport(guard))
  const skipTrace = await listenOnLoopback(fromHono(createSkipTrace(guard)))
  return {
    urls: { aiEndpoint: aiEndpoint.url, leadExport: leadExport.url, skipTrace: skipTrace.url },
    async close() {
      await Promise.all([aiEndpoint.close(), leadExport.close(), skipTrace.close()])
    },
  }
}

function fromHono(app: ReturnType<typeof createAiEndpoint>) {
  const listener = getRequestListener(app.fetch)
  return (...[request, response]: Parameters<typeof listener>) => void listener(request, response)
}
