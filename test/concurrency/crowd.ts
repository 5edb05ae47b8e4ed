import { fork, type ChildProcess } from 'node:child_process'
import type { Amounts } from 'creditgate'

/** Where the database is, and by which way to reach it: directly unless there is a Data API. */
export interface Place {
  readonly authUrl: string
  readonly databaseUrl: string
  readonly dataApi: { readonly url: string; readonly key: string } | undefined
}

/** Many calls of one user, made at once by every process that takes part. */
export interface Round {
  readonly user: string
  readonly token: string
  readonly amounts: Amounts
  /** Of each type so few will do, where there is no more. */
  readonly least?: number
  readonly calls: number
  /** `ledger`: past the guard, straight into the database. */
  readonly through: 'guard' | 'ledger'
  readonly idempotencyKey?: string
  readonly handlerMilliseconds: number
  /** On the system's clock, which all processes share. */
  readonly startsAt: number
}

/** How a round went in one process. `answers` counts them by status and problem, or by outcome. */
export interface Score {
  readonly kind: 'score'
  readonly handled: number
  /** Credits that were reserved in all. */
  readonly granted: number
  readonly answers: Readonly<Record<string, number>>
  readonly unsettled: number
}

export type WinnerMessage = Score | { readonly kind: 'ready' }

export interface Crowd {
  /** Shares the calls out among so many processes, which begin at the same moment, and adds up how it went. */
  attempt(round: Omit<Round, 'startsAt' | 'handlerMilliseconds'> & { readonly processes: number; readonly handlerMilliseconds?: number }): Promise<Score>
  end(): void
}

const HEAD_START_MILLISECONDS = 50

export async function startCrowd(place: Place, { processes }: { readonly processes: number }): Promise<Crowd> {
  const winners = Array.from({ length: processes }, () => fork(new URL('winner.ts', import.meta.url), [JSON.stringify(place)], { execArgv: ['--import', 'tsx'] }))
  const end = () => winners.forEach((winner) => winner.kill('SIGKILL'))
  try {
    await Promise.all(winners.map((winner) => receive(winner)))
  } catch (error) {
    end()
    throw error
  }
  return {
    async attempt({ processes: taking, calls, handlerMilliseconds = 0, ...round }) {
      const startsAt = Date.now() + HEAD_START_MILLISECONDS
      const scores = winners.slice(0, taking).map((winner, index) => {
        // Every other process names its types the other way round.
        const amounts = index % 2 === 0 ? round.amounts : Object.fromEntries(Object.entries(round.amounts).reverse())
        winner.send({ ...round, amounts, handlerMilliseconds, startsAt, calls: Math.floor((calls + index) / taking) } satisfies Round)
        return receive(winner)
      })
      return (await Promise.all(scores)).reduce(add)
    },
    end,
  }
}

/** @throws when the process ends instead. */
function receive(winner: ChildProcess): Promise<Score> {
  return new Promise((resolve, reject) => {
    const fail = (code: number | null) => {
      reject(new Error(`a process of the crowd ended with ${String(code)}`))
    }
    winner.once('exit', fail)
    winner.once('message', (message) => {
      winner.off('exit', fail)
      resolve(message as Score)
    })
  })
}

function add(one: Score, other: Score): Score {
  const answers = { ...one.answers }
  for (const [answer, count] of Object.entries(other.answers)) answers[answer] = (answers[answer] ?? 0) + count
  return { kind: 'score', answers, handled: one.handled + other.handled, granted: one.granted + other.granted, unsettled: one.unsettled + other.unsettled }
}
