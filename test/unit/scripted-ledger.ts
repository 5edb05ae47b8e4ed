import type { Ledger } from '../../src/ledger/ledger.ts'
import { SCHEMA_VERSION } from '../../src/schema-version.ts'

export type Operation = 'reserve' | 'commit' | 'refund' | 'extend' | 'reverse' | 'reset' | 'sweep' | 'prune'

/** What one call does: gives this answer, rejects with this error, or never ends but by its signal. */
export type Step = Readonly<Record<string, unknown>> | Error | 'hangs' | 'says nothing'

export interface Call {
  readonly operation: Operation
  readonly request: Readonly<Record<string, unknown>> & { readonly id: string }
  readonly at: number
  readonly signal: AbortSignal | undefined
}

export interface ScriptedLedger extends Ledger {
  readonly calls: readonly Call[]
}

/**
 * A ledger without a database, for what is decided about its answers. Each operation takes its steps in order and repeats
 * the last one; an answer echoes the request's id.
 */
export function createScriptedLedger(
  script: Partial<Record<Operation, Step | readonly Step[]>> = {},
  version: Awaited<ReturnType<Ledger['version']>> | Error = { version: SCHEMA_VERSION, creditTypes: ['ai', 'lead', 'skipTrace'] },
): ScriptedLedger {
  const calls: Call[] = []

  function play(operation: Operation) {
    const steps: Step[] = [script[operation] ?? new Error(`${operation} is not in the script`)].flat()
    return (requests: readonly object[], signal?: AbortSignal): Promise<never[]> => {
      const request = requests[0] as Call['request']
      calls.push({ operation, request, at: performance.now(), signal })
      const step = steps.length > 1 ? steps.shift() : steps[0]
      if (step === 'hangs') return rejectOn(signal) as Promise<never[]>
      if (step === 'says nothing') return Promise.resolve([])
      return step instanceof Error ? Promise.reject(step) : Promise.resolve([{ id: request.id, ...step }] as never[])
    }
  }

  /** Sweep and prune take one request and give one answer. */
  function playStep(operation: 'sweep' | 'prune') {
    const playOne = play(operation)
    return async (request: object, signal?: AbortSignal): Promise<never> => (await playOne([request], signal))[0] as never
  }

  return {
    calls,
    reserve: play('reserve'),
    commit: play('commit'),
    refund: play('refund'),
    extend: play('extend'),
    reverse: play('reverse'),
    reset: play('reset'),
    sweep: playStep('sweep'),
    prune: playStep('prune'),
    version: () => (version instanceof Error ? Promise.reject(version) : Promise.resolve(version)),
  }
}

function rejectOn(signal: AbortSignal | undefined): Promise<unknown> {
  return new Promise((_resolve, reject) => signal?.addEventListener('abort', () => reject(signal.reason as Error), { once: true }))
}
