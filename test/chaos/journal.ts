import { openSync, readdirSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { GuardEvent, Ledger } from 'creditgate'

/** The operations that answer each of an array of requests. */
export type Operation = 'reserve' | 'commit' | 'refund' | 'extend' | 'reverse' | 'reset'

export type Fields = Readonly<Record<string, unknown>>

/**
 * What a worker knows and must never turn out wrong: what it was told by the guard, what it asked the database, what it
 * was answered. Only `answered` and `told` are acknowledgements.
 */
export type JournalRecord =
  | { readonly kind: 'asked'; readonly operation: Operation; readonly request: Fields }
  | { readonly kind: 'answered'; readonly operation: Operation; readonly request: Fields; readonly answer: Fields }
  | { readonly kind: 'told'; readonly event: GuardEvent }

export interface Journal {
  write(record: JournalRecord): void
}

/** A file that only grows, written before its writer goes on: what was written when the process is killed stays written. */
export function openJournal(folder: string, name: string): Journal {
  const file = openSync(join(folder, `${name}.ndjson`), 'a')
  return {
    write(record) {
      writeSync(file, `${JSON.stringify(record)}\n`)
    },
  }
}

/** All records, those of one worker after those of another, each in order. A last line that its writer did not live to end is left out. */
export function* readJournals(folder: string): Generator<JournalRecord> {
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ndjson'))) {
    for (const line of readFileSync(join(folder, name), 'utf8').split('\n').slice(0, -1)) yield JSON.parse(line) as JournalRecord
  }
}

/** A ledger that writes down each request before it leaves, and each answer before anybody sees it. */
export function keepJournal(ledger: Ledger, journal: Journal): Ledger {
  const keep =
    <Request, Answer>(operation: Operation, call: (requests: readonly Request[], signal?: AbortSignal) => Promise<readonly Answer[]>) =>
    async (requests: readonly Request[], signal?: AbortSignal): Promise<readonly Answer[]> => {
      requests.forEach((request) => {
        journal.write({ kind: 'asked', operation, request: request as Fields })
      })
      const answers = await call(requests, signal)
      answers.forEach((answer, index) => {
        journal.write({ kind: 'answered', operation, request: requests[index] as Fields, answer: answer as Fields })
      })
      return answers
    }
  return {
    ...ledger,
    reserve: keep('reserve', ledger.reserve.bind(ledger)),
    commit: keep('commit', ledger.commit.bind(ledger)),
    refund: keep('refund', ledger.refund.bind(ledger)),
    extend: keep('extend', ledger.extend.bind(ledger)),
    reverse: keep('reverse', ledger.reverse.bind(ledger)),
    reset: keep('reset', ledger.reset.bind(ledger)),
  }
}
