import type fc from 'fast-check'
import { LedgerFault } from 'creditgate'
import type { Call } from '../../src/ledger/create-ledger.ts'
import type { Queryable } from '../support/seed.ts'

/**
 * What becomes of one call to the database.
 *
 * - `late`: the caller is told that the connection broke; the call is carried out whenever it arrives
 * - `silent`: it is carried out, and no answer ever comes
 * - `garbage`, `garbage instead`: it is answered with what is no answer, after it was carried out or instead of it
 * - `locked`: it is refused as one that waited too long for a lock
 */
export type CallFault = 'none' | 'request lost' | 'reply lost' | 'late' | 'silent' | 'garbage' | 'garbage instead' | 'locked'

export interface FaultyCall {
  readonly call: Call
  /** Ids that a reserve was asked for, in order. */
  readonly reservations: readonly string[]
  /** What the database threw: nothing, whatever the order in which things arrive. */
  readonly thrown: readonly unknown[]
}

/** So often a late call is passed over, for what came after it to arrive before it. */
const LATE_STOPS = 10

type Requests = Exclude<Parameters<Call>[1], undefined>

/** Of requests as objects, or in columns. */
function readIds(requests: Requests): readonly unknown[] {
  return 'ids' in requests ? (requests['ids'] ?? []) : (requests as readonly { readonly id?: unknown }[]).map(({ id }) => id)
}

function createGarbage(kind: number, [id]: readonly unknown[]): unknown {
  const garbage = [null, [], [{ id }], [{ id: '', outcome: 'committed', amounts: { ai: 0 } }], [{ id: '', outcome: 'refunded' }], '<html>', [{ id, outcome: 'reserved' }], [{ id, outcome: 'done' }]]
  return garbage[kind % garbage.length]
}

/**
 * A way to the database on which requests and replies travel as tasks of a scheduler, and take the faults in their order.
 * `track` is told of everything that goes on by itself, so that a driver can wait for it.
 */
export function createFaultyCall(
  database: Queryable,
  { scheduler, faults, track }: { readonly scheduler: fc.Scheduler; readonly faults: readonly CallFault[]; readonly track: <Result>(work: Promise<Result>) => Promise<Result> },
): FaultyCall {
  const waiting = [...faults]
  const reservations: string[] = []
  const thrown: unknown[] = []
  let calls = 0

  const pass = (label: string) => scheduler.schedule(Promise.resolve(), label)
  const execute = async (name: string, requests: Requests | undefined): Promise<unknown> => {
    try {
      const parameter = requests === undefined ? '' : '$1::text::jsonb'
      const [row] = await track(database.query<{ answer: unknown }>(`select public.${name}(${parameter}) as answer`, requests === undefined ? [] : [JSON.stringify(requests)]))
      return row?.answer
    } catch (error) {
      thrown.push(error)
      throw new LedgerFault('unknown', 'threw', String(error))
    }
  }

  async function arrive(label: string, stops: number): Promise<void> {
    for (let stop = 0; stop < stops; stop += 1) await pass(`${label} is still on its way`)
    await pass(`${label} arrives`)
  }

  async function travel(name: string, requests: Requests, fault: CallFault): Promise<unknown> {
    calls += 1
    const ids = readIds(requests)
    const label = `${name.replace('creditgate_', '')} ${calls}`
    const lost = () => new LedgerFault('unknown', 'connection', `${label} is lost`)
    if (fault === 'locked') {
      await pass(`${label} meets a lock`)
      return ids.map((id) => ({ id, outcome: 'failed', code: '55P03' }))
    }
    if (fault === 'request lost') {
      await pass(`${label} is lost`)
      throw lost()
    }
    if (fault === 'garbage instead') {
      await pass(`${label} is answered: ${fault}`)
      return createGarbage(calls, ids)
    }
    const execution = arrive(label, fault === 'late' ? LATE_STOPS : 0).then(() => execute(name, requests))
    execution.catch(() => undefined)
    if (fault === 'late') {
      await pass(`${label} is given up`)
      throw lost()
    }
    const answer = await execution
    if (fault === 'silent') return new Promise(() => undefined)
    await pass(`${label} is answered${fault === 'none' ? '' : `: ${fault}`}`)
    if (fault === 'reply lost') throw lost()
    return fault === 'garbage' ? createGarbage(calls, ids) : answer
  }

  return {
    reservations,
    thrown,
    call(name, requests, signal) {
      if (name === 'creditgate_version' || requests === undefined) return execute(name, requests)
      if (name === 'creditgate_reserve') reservations.push(...readIds(requests).map(String))
      return abandonOn(signal, travel(name, requests, waiting.shift() ?? 'none'))
    },
  }
}

function abandonOn(signal: AbortSignal | undefined, work: Promise<unknown>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const abandon = () => {
      reject(new LedgerFault('unknown', 'timeout', 'no answer in time'))
    }
    if (signal?.aborted === true) abandon()
    signal?.addEventListener('abort', abandon, { once: true })
    work.then(resolve, reject)
  })
}
