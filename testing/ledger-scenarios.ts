import type { Amounts, Ledger } from 'creditgate'
import { assert, assertEqual, assertMatch } from './assertion.ts'
import type { Account, Books } from './books.ts'
import { amountScenarios } from './ledger/amount-scenarios.ts'
import { cycleScenarios } from './ledger/cycle-scenarios.ts'
import { refusalScenarios } from './ledger/refusal-scenarios.ts'
import { reservationScenarios } from './ledger/reservation-scenarios.ts'
import { responseScenarios } from './ledger/response-scenarios.ts'

/** A ledger that is to be tried, and the books behind it. */
export interface LedgerBench {
  readonly ledger: Ledger
  readonly books: Books
}

/** One thing that every ledger does, whatever carries its calls. `run` rejects with an Error that says what was found instead. */
export interface LedgerScenario {
  readonly name: string
  readonly run: (bench: LedgerBench) => Promise<void>
}

/** What a scenario has at hand. */
export interface LedgerScene extends LedgerBench {
  /** Reserves for a minute. Under an id of its own, unless one is given. */
  readonly reserve: (account: Pick<Account, 'user'>, amounts: Amounts, id?: string) => Promise<{ readonly id: string; readonly answer: Awaited<ReturnType<Ledger['reserve']>>[number] | undefined }>
  readonly expectUsed: (row: string, used: number) => Promise<void>
}

export interface LedgerStory {
  readonly name: string
  readonly play: (scene: LedgerScene) => Promise<void>
}

/**
 * The contract of the `Ledger` port. After each scenario nothing may be left that does not add up.
 *
 * @example
 * for (const { name, run } of ledgerScenarios) it(name, () => run({ ledger, books }))
 */
export const ledgerScenarios: readonly LedgerScenario[] = Object.freeze(
  [...reservationScenarios, ...amountScenarios, ...responseScenarios, ...cycleScenarios, ...refusalScenarios].map(({ name, play }): LedgerScenario =>
    Object.freeze({
      name,
      async run(bench: LedgerBench) {
        await play(createScene(bench))
        assertEqual(await bench.books.listViolations(), [], 'what does not add up')
      },
    }),
  ),
)

function createScene({ ledger, books }: LedgerBench): LedgerScene {
  return {
    ledger,
    books,
    async reserve({ user }, amounts, id = crypto.randomUUID()) {
      const answers = await ledger.reserve([{ id, user, amounts, lease: 60 }])
      assert(answers.length === 1, 'an array of one has one answer')
      assertMatch(answers[0], { id }, 'the answer echoes the id')
      return { id, answer: answers[0] }
    },
    async expectUsed(row, used) {
      assertEqual((await books.readRow(row)).used, used, 'used')
    },
  }
}
